import CSystem
import ProcessSupport
import System

/// What the other process is asked for. A message is four words, the first of which is this, with descriptors; the answer
/// is one word.
enum PeerRequest: UInt64 {
  /// Signals the eventfd `first` times.
  case signal = 1
  /// Waits until the eventfd is signalled; answers with its count, 0 after ten seconds.
  case wait
  /// Stores the word `second` at offset `first` of the memory.
  case store
  /// Answers with the word at offset `first` of the memory.
  case load
  /// ioctl(2) of the descriptor: request `first`, argument `second`.
  case control
  /// `first` times: waits for one eventfd, then signals the other.
  case echo
  /// `first` times: waits for one eventfd, notes the time stamp counter in word 0 of the memory, lets `second` nanoseconds
  /// pass, notes it in word 1, and signals the other.
  case measure
}

/// Another process: it holds what it was sent, and no part of the machine.
public final class Peer {
  private let socket: MessageSocket
  private let child: Child

  /// Starts it; it ends with this object.
  public init() throws {
    let ends = try MessageSocket.pair()
    socket = MessageSocket(owning: FileDescriptor(owning: ends.0))
    let other = FileDescriptor(owning: ends.1)
    child = try Child("kvm-peer", descriptors: [-1, -1, -1, other.raw])
  }

  private func send(_ request: PeerRequest, _ first: UInt64 = 0, _ second: UInt64 = 0, _ descriptors: [Int32]) throws {
    let message = [request.rawValue, first, second, 0]
    try message.withUnsafeBytes { try socket.send($0, descriptors: descriptors) }
  }

  /// The answer to the last request.
  @discardableResult
  public func answer() throws -> Int64 {
    var word: Int64 = 0
    let count = try withUnsafeMutableBytes(of: &word) { try socket.receive(into: $0)?.byteCount }
    guard count == 8 else { throw SystemError("answer of the other process", Errno.pipe) }
    return word
  }

  /// Signals an eventfd, and returns when that is done.
  public func signal(_ eventfd: borrowing EventCounter, times: Int = 1) throws {
    try send(.signal, UInt64(times), 0, [eventfd.descriptor.raw])
    try answer()
  }

  /// Begins to wait for an eventfd; `answer` has its count.
  public func wait(_ eventfd: borrowing EventCounter) throws { try send(.wait, 0, 0, [eventfd.descriptor.raw]) }

  /// Stores a 32-bit word into memory that is a file.
  public func store(_ value: UInt32, at offset: UInt32, of memory: borrowing FileDescriptor) throws {
    try send(.store, UInt64(offset), UInt64(value), [memory.raw])
    try answer()
  }

  /// The 32-bit word of memory that is a file.
  public func load(at offset: UInt32, of memory: borrowing FileDescriptor) throws -> UInt32 {
    try send(.load, UInt64(offset), 0, [memory.raw])
    return UInt32(truncatingIfNeeded: try answer())
  }

  /// ioctl(2) there: its result or the negative errno.
  public func control(_ descriptor: Int32, _ request: UInt32, _ argument: UInt64 = 0) throws -> Int64 {
    try send(.control, UInt64(request), argument, [descriptor])
    return try answer()
  }

  /// Begins to answer each signal of `first` with one of `second`; `answer` comes after the last.
  public func echo(_ first: borrowing EventCounter, _ second: borrowing EventCounter, times: Int) throws {
    try send(.echo, UInt64(times), 0, [first.descriptor.raw, second.descriptor.raw])
  }

  /// As `echo`, but waits `pause` nanoseconds in between, and leaves the time stamp counter in `memory`: in its first word
  /// as it saw the signal, in the second right before its own.
  public func measure(
    _ first: borrowing EventCounter, _ second: borrowing EventCounter, _ memory: borrowing FileDescriptor,
    pause: Int64, times: Int
  ) throws {
    try send(
      .measure, UInt64(times), UInt64(pause), [first.descriptor.raw, second.descriptor.raw, memory.raw])
  }
}
