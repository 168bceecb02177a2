import CSystem

/// Waiting for several descriptors at once, for the small fixed sets that Atoll's processes have.
public enum Poll {
  public static let input: Int16 = 1
  public static let output: Int16 = 4
  /// Error or hang-up; always reported.
  public static let broken: Int16 = 0x18

  /// Waits until one of `entries` is ready or `nanoseconds` have passed (nil: no limit). At most 128 entries.
  /// Returns the ready events of each, in order.
  public static func wait(
    _ entries: [(descriptor: Int32, events: Int16)], nanoseconds: Int64? = nil
  ) throws(SystemError) -> [Int16] {
    let fds = entries.map { $0.descriptor }
    let events = entries.map { $0.events }
    var ready = [Int16](repeating: 0, count: entries.count)
    let result = ready.withUnsafeMutableBufferPointer { out in
      atoll_poll(fds, events, out.baseAddress, Int32(fds.count), Int(nanoseconds ?? -1))
    }
    _ = try SystemError.check("poll", result)
    return ready
  }
}

/// Signals as a descriptor.
public struct SignalDescriptor: ~Copyable, Sendable {
  public let descriptor: FileDescriptor

  /// Blocks `signals` in this thread and makes them readable here.
  public init(_ signals: [Int32]) throws(SystemError) {
    var mask: UInt = 0
    for signal in signals { mask |= 1 << UInt(signal - 1) }
    descriptor = FileDescriptor(owning: try SystemError.check("signalfd", atoll_signalfd(mask)))
  }

  /// The next pending signal's number.
  public borrowing func next() -> Int32? {
    let signal = atoll_read_signal(descriptor.raw)
    return signal > 0 ? signal : nil
  }
}
