import System

/// Why a set-up socket gave no message.
public enum ChannelError: Error, Sendable {
  /// The peer is gone.
  case closed
  /// The peer broke the protocol.
  case malformed(MessageError)
  /// The host refused.
  case system(SystemError)

  /// What happened, as one sentence without a full stop.
  public var sentence: String {
    switch self {
    case .closed: "the other side closed the set-up socket"
    case .malformed(let error): error.sentence
    case .system(let error): error.sentence
    }
  }
}

/// One message as it came: header checked, payload not yet decoded.
public struct Incoming: ~Copyable {
  /// What it says it is.
  public let request: Request
  /// True if the last descriptor is a seccomp program.
  public let filterAttached: Bool
  /// Undecoded.
  public let payload: [UInt8]
  private var message: ReceivedMessage

  init(_ header: MessageHeader, payload: [UInt8], message: consuming ReceivedMessage) throws(MessageError) {
    guard let request = Request(rawValue: header.request) else { throw .unknownRequest(header.request) }
    guard header.flags & ~MessageHeader.filterAttached == 0 else { throw .unknownFlags(header.flags) }
    self.request = request
    self.filterAttached = header.flags & MessageHeader.filterAttached != 0
    self.payload = payload
    self.message = message
  }

  /// The payload as an `M`: right request, right descriptor count, every field in range.
  public borrowing func decode<M: Message>(_ type: M.Type = M.self) throws(MessageError) -> M {
    guard request == M.request else { throw .unexpectedRequest(request.rawValue) }
    let decoded = try M(decoding: payload)
    guard message.descriptorCount == decoded.descriptorCount + (filterAttached ? 1 : 0) else {
      throw .wrongDescriptorCount(message.descriptorCount)
    }
    return decoded
  }

  /// Takes descriptor `index`; those not taken are closed with the message.
  public mutating func take(_ index: Int) throws(MessageError) -> FileDescriptor {
    guard let descriptor = message.take(index) else { throw .wrongDescriptorCount(message.descriptorCount) }
    return descriptor
  }

  /// Takes the seccomp program, if one is attached.
  public mutating func takeFilter() -> FileDescriptor? {
    filterAttached ? message.take(message.descriptorCount - 1) : nil
  }
}

/// One end of a set-up socket.
public struct Channel: ~Copyable, Sendable {
  /// The set-up socket of every child process of the supervisor.
  public static let inheritedDescriptor: Int32 = 3
  /// Bytes of the largest payload.
  public static let maximumPayload = 8192
  private let socket: MessageSocket

  /// Takes over a connected SOCK_SEQPACKET socket.
  public init(owning descriptor: consuming FileDescriptor) { socket = MessageSocket(owning: descriptor) }

  /// The descriptor to poll.
  public var raw: Int32 { socket.descriptor.raw }

  /// Sends `message` with its descriptors, and as one more the seccomp program `filter`.
  /// With `wait` false a full socket throws EAGAIN.
  public borrowing func send<M: Message>(
    _ message: M, descriptors: [Int32] = [], filter: Int32? = nil, wait: Bool = true
  ) throws(SystemError) {
    let payload = message.encode()
    guard payload.count <= Channel.maximumPayload, descriptors.count == message.descriptorCount else {
      throw SystemError("send of a message", Errno.invalid)
    }
    var packet = PayloadWriter()
    packet.put(M.request.rawValue)
    packet.put(filter == nil ? 0 : MessageHeader.filterAttached)
    packet.put(counted: payload)
    let attached = filter.map { descriptors + [$0] } ?? descriptors
    let bytes = packet.bytes
    try bytes.span.bytes.withUnsafeBytes { (buffer) throws(SystemError) in
      try socket.send(buffer, descriptors: attached, wait: wait)
    }
  }

  /// The next message; nil if `wait` is false and there is none.
  public borrowing func receive(wait: Bool = true) throws(ChannelError) -> Incoming? {
    // One byte more than the largest message, so that a larger one is seen as such.
    var buffer = [UInt8](repeating: 0, count: MessageHeader.size + Channel.maximumPayload + 1)
    guard let message = try receive(into: &buffer, wait: wait) else { return nil }
    guard message.byteCount > 0 else { throw .closed }
    do throws(MessageError) {
      let header = try Channel.header(of: buffer, received: message.byteCount)
      let payload = Array(buffer[MessageHeader.size..<message.byteCount])
      return try Incoming(header, payload: payload, message: message)
    } catch {
      throw .malformed(error)
    }
  }

  private borrowing func receive(into buffer: inout [UInt8], wait: Bool) throws(ChannelError) -> ReceivedMessage? {
    do throws(SystemError) {
      var span = buffer.mutableSpan
      return try span.withUnsafeMutableBufferPointer { (bytes) throws(SystemError) -> ReceivedMessage? in
        try socket.receive(into: UnsafeMutableRawBufferPointer(bytes), wait: wait)
      }
    } catch {
      // The C side reports a truncated message or more than 16 descriptors so.
      throw error.number == Errno.messageSize ? .malformed(.oversized) : .system(error)
    }
  }

  private static func header(of bytes: [UInt8], received: Int) throws(MessageError) -> MessageHeader {
    guard received <= MessageHeader.size + maximumPayload else { throw .oversized }
    guard received >= MessageHeader.size else { throw .truncated }
    var reader = PayloadReader(Array(bytes[0..<MessageHeader.size]))
    let header = MessageHeader(
      request: try reader.u32(), flags: try reader.u32(), payloadSize: try reader.u32())
    guard Int(header.payloadSize) <= received - MessageHeader.size else { throw .truncated }
    guard Int(header.payloadSize) == received - MessageHeader.size else { throw .oversized }
    return header
  }
}
