import CSystem

/// One received message: its bytes' count and the descriptors that came with it.
public struct ReceivedMessage: ~Copyable {
  /// Bytes received; 0 means that the peer is gone.
  public let byteCount: Int
  private var descriptors: InlineArray<16, Int32>
  /// How many descriptors came.
  public let descriptorCount: Int

  init(byteCount: Int, descriptors: InlineArray<16, Int32>, descriptorCount: Int) {
    self.byteCount = byteCount
    self.descriptors = descriptors
    self.descriptorCount = descriptorCount
  }

  deinit { for i in 0..<descriptorCount where descriptors[i] >= 0 { _ = atoll_close(descriptors[i]) } }

  /// Takes descriptor `index`; nil if there is none or it was taken. Those not taken are closed.
  public mutating func take(_ index: Int) -> FileDescriptor? {
    guard index >= 0, index < descriptorCount, descriptors[index] >= 0 else { return nil }
    defer { descriptors[index] = -1 }
    return FileDescriptor(owning: descriptors[index])
  }
}

/// A SOCK_SEQPACKET socket: whole messages, each with up to 16 descriptors.
public struct MessageSocket: ~Copyable, Sendable {
  /// The descriptor to poll.
  public let descriptor: FileDescriptor

  public init(owning descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// Two connected ends, as raw descriptors that the caller owns.
  public static func pair() throws(SystemError) -> (Int32, Int32) {
    var ends: (Int32, Int32) = (-1, -1)
    let result = withUnsafeMutablePointer(to: &ends) {
      $0.withMemoryRebound(to: Int32.self, capacity: 2) { atoll_socketpair($0) }
    }
    _ = try SystemError.check("socketpair", result)
    return ends
  }

  /// Sends one message. With `wait` false a full socket throws EAGAIN.
  public borrowing func send(
    _ bytes: UnsafeRawBufferPointer, descriptors: [Int32] = [], wait: Bool = true
  ) throws(SystemError) {
    let sent = descriptors.withUnsafeBufferPointer { fds in
      atoll_send(descriptor.raw, bytes.baseAddress, UInt(bytes.count), fds.baseAddress, Int32(fds.count), wait ? 1 : 0)
    }
    _ = try SystemError.check("send", sent)
  }

  /// Receives one message into `buffer`; nil if `wait` is false and there is none.
  public borrowing func receive(
    into buffer: UnsafeMutableRawBufferPointer, wait: Bool = true
  ) throws(SystemError) -> ReceivedMessage? {
    var fds = InlineArray<16, Int32>(repeating: -1)
    var count: Int32 = 16
    var storage = fds.mutableSpan
    let got = storage.withUnsafeMutableBufferPointer { slots in
      atoll_receive(descriptor.raw, buffer.baseAddress, UInt(buffer.count), slots.baseAddress, &count, wait ? 1 : 0)
    }
    if got == -Int(Errno.again) { return nil }
    if got == -104 { return ReceivedMessage(byteCount: 0, descriptors: fds, descriptorCount: 0) }
    _ = try SystemError.check("receive", got)
    return ReceivedMessage(byteCount: got, descriptors: fds, descriptorCount: Int(count))
  }
}
