import CSystem

/// Descriptors that came with a message; those not taken are closed with it.
public struct DescriptorBundle: ~Copyable {
  private var descriptors: InlineArray<16, Int32>
  /// How many came, taken or not.
  public private(set) var count: Int

  /// None.
  public init() { (descriptors, count) = (InlineArray(repeating: -1), 0) }

  deinit { for i in 0..<count where descriptors[i] >= 0 { _ = atoll_close(descriptors[i]) } }

  /// Takes descriptor `index`; nil if there is none or it was taken.
  public mutating func take(_ index: Int) -> FileDescriptor? {
    guard index >= 0, index < count, descriptors[index] >= 0 else { return nil }
    defer { descriptors[index] = -1 }
    return FileDescriptor(owning: descriptors[index])
  }

  /// Adds one; false, and closed, if there are 16.
  @discardableResult
  public mutating func add(_ descriptor: consuming FileDescriptor) -> Bool {
    guard count < 16 else { return false }
    descriptors[count] = descriptor.release()
    count += 1
    return true
  }

  /// All of them, leaving none.
  public mutating func takeAll() -> DescriptorBundle {
    var taken = DescriptorBundle()
    for i in 0..<count {
      taken.descriptors[i] = descriptors[i]
      descriptors[i] = -1
    }
    taken.count = count
    count = 0
    return taken
  }
}

/// A SOCK_STREAM socket that carries descriptors, used without blocking.
public struct StreamSocket: ~Copyable, Sendable {
  /// The descriptor to poll.
  public let descriptor: FileDescriptor

  public init(owning descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// Two connected ends, as raw descriptors that the caller owns; non-blocking, close-on-exec.
  public static func pair() throws(SystemError) -> (Int32, Int32) {
    var ends: (Int32, Int32) = (-1, -1)
    let result = withUnsafeMutablePointer(to: &ends) {
      $0.withMemoryRebound(to: Int32.self, capacity: 2) { atoll_stream_pair($0) }
    }
    _ = try SystemError.check("socketpair", result)
    return ends
  }

  /// True if `descriptor` is a listening socket, false if it is a connected one.
  public static func isListening(_ descriptor: borrowing FileDescriptor) throws(SystemError) -> Bool {
    try SystemError.check("getsockopt", atoll_socket_listens(descriptor.raw)) != 0
  }

  /// Another number for the open file of `descriptor`; the caller owns it.
  public static func duplicate(_ descriptor: Int32) throws(SystemError) -> Int32 {
    try SystemError.check("dup", atoll_dup(descriptor))
  }

  /// Sends at most all of `bytes`, the descriptors with the first of them; 0 if there is no room.
  public borrowing func send(_ bytes: UnsafeRawBufferPointer, descriptors: [Int32]) throws(SystemError) -> Int {
    let sent = descriptors.withUnsafeBufferPointer { fds in
      atoll_send(descriptor.raw, bytes.baseAddress, UInt(bytes.count), fds.baseAddress, Int32(fds.count), 0)
    }
    if sent == -Int(Errno.again) { return 0 }
    return try SystemError.check("send", sent)
  }

  /// Receives at most `buffer.count` bytes, and what descriptors come with them; 0 end of stream, nil nothing for now.
  /// More than 16 descriptors throw EMSGSIZE.
  public borrowing func receive(
    into buffer: UnsafeMutableRawBufferPointer, _ bundle: inout DescriptorBundle
  ) throws(SystemError) -> Int? {
    var fds = InlineArray<16, Int32>(repeating: -1)
    var count: Int32 = 16
    var storage = fds.mutableSpan
    let got = storage.withUnsafeMutableBufferPointer { out in
      atoll_receive(descriptor.raw, buffer.baseAddress, UInt(buffer.count), out.baseAddress, &count, 0)
    }
    for i in 0..<Int(count) where got >= 0 { bundle.add(FileDescriptor(owning: fds[i])) }
    if got == -Int(Errno.again) { return nil }
    return try SystemError.check("receive", got)
  }
}
