import DeviceBus

/// What a back-end process has done since its start. Plain numbers: only the process' one thread touches them.
public struct BackEndCounters: Sendable, Equatable {
  /// Chains taken from rings, those found in flight after a restart included.
  public var requests: UInt64 = 0
  /// Chains given back.
  public var completions: UInt64 = 0
  /// Bytes of the readable parts that were taken.
  public var bytesIn: UInt64 = 0
  /// Bytes that were said to be written to the writable parts.
  public var bytesOut: UInt64 = 0
  /// Call eventfds signalled: interrupts.
  public var signals: UInt64 = 0
  /// Kick eventfds found ready.
  public var kicks: UInt64 = 0
  /// Rings stopped because of what the driver put into them.
  public var brokenRings: UInt64 = 0
  /// Sessions ended because of what the front-end sent.
  public var refusedSessions: UInt64 = 0
  /// Messages of front-ends. Stands still while a guest does nothing but I/O.
  public var messages: UInt64 = 0
  /// Times that the process slept.
  public var sleeps: UInt64 = 0
  /// Calls of `VirtioBackEnd.serve` and `ready`: what the wake-ups were for.
  public var batches: UInt64 = 0

  public init() {}

  /// As the set-up socket carries them.
  var message: DeviceCounters {
    var message = DeviceCounters()
    message.accesses = requests
    message.interrupts = signals
    message.refused = brokenRings &+ refusedSessions
    message.bytesIn = bytesIn
    message.bytesOut = bytesOut
    message.sleeps = sleeps
    message.wakes = kicks
    return message
  }
}
