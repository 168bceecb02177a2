import System

/// Why a vhost-user socket gave nothing more.
public enum VhostConnectionError: Error, Sendable, Equatable {
  /// The peer is gone.
  case closed
  /// The peer is gone, in the middle of a message.
  case closedInMessage
  /// The peer broke the protocol.
  case malformed(VhostMessageError)
  /// The peer does not read: what waits to be sent has reached its limit.
  case congested
  /// The host refused.
  case system(SystemError)

  /// What happened, as one sentence without a full stop.
  public var sentence: String {
    switch self {
    case .closed: "the other side closed the vhost-user socket"
    case .closedInMessage: "the other side closed the vhost-user socket in the middle of a message"
    case .malformed(let error): error.sentence
    case .congested: "the other side does not read its vhost-user socket"
    case .system(let error): error.sentence
    }
  }
}

/// A message to be sent. The descriptors are borrowed: they must be open when it is handed to `VhostConnection.send`.
public struct VhostOutgoing: Sendable, Equatable {
  /// Request, flags, payload size.
  public var header: VhostHeader
  /// At most 4096 bytes.
  public var payload: [UInt8]
  /// At most 8 descriptors.
  public var descriptors: [Int32]

  /// Any message, by number.
  public init(request: UInt32, flags: UInt32 = 0, payload: [UInt8], descriptors: [Int32] = []) {
    header = VhostHeader(
      request: request, flags: VhostHeader.version | flags, payloadSize: UInt32(truncatingIfNeeded: payload.count))
    (self.payload, self.descriptors) = (payload, descriptors)
  }
  /// A message to a back-end; with `acknowledge` the need_reply flag is set.
  public init<M: FrontEndMessage>(_ message: M, descriptors: [Int32] = [], acknowledge: Bool = false) {
    self.init(
      request: M.request.rawValue, flags: acknowledge ? VhostHeader.needReply : 0, payload: message.encode(),
      descriptors: descriptors)
  }
  /// A message to a front-end, on the back-end's channel.
  public init<M: BackEndMessage>(_ message: M, descriptors: [Int32] = [], acknowledge: Bool = false) {
    self.init(
      request: M.request.rawValue, flags: acknowledge ? VhostHeader.needReply : 0, payload: message.encode(),
      descriptors: descriptors)
  }
  /// The answer `payload` to the request with number `request`.
  public init<R: VhostPayload>(reply payload: R, to request: UInt32, descriptors: [Int32] = []) {
    self.init(request: request, flags: VhostHeader.reply, payload: payload.encode(), descriptors: descriptors)
  }
}

/// One message as it came: header checked, payload not yet decoded. Its descriptors are closed with it unless taken.
public struct VhostIncoming: ~Copyable {
  /// Request, flags, payload size; `check`ed.
  public let header: VhostHeader
  /// Undecoded.
  public let payload: [UInt8]
  private var descriptors: DescriptorBundle

  /// For tests and fuzzers, which have no socket. `descriptors` are owned.
  public init(header: VhostHeader, payload: [UInt8], descriptors: consuming DescriptorBundle = DescriptorBundle()) {
    (self.header, self.payload) = (header, payload)
    self.descriptors = descriptors
  }

  /// The number in the header.
  public var request: UInt32 { header.request }
  /// Descriptors that came with it, taken or not.
  public var descriptorCount: Int { descriptors.count }

  /// The payload as an `M`, right descriptor count included. The caller has looked at the request's number.
  public borrowing func decode<M: VhostPayload>(_ type: M.Type = M.self) throws(VhostMessageError) -> M {
    try M(decoding: payload, descriptors: descriptors.count, request: header.request)
  }

  /// Takes descriptor `index`; nil if there is none, or it was taken.
  public mutating func take(_ index: Int) -> FileDescriptor? { descriptors.take(index) }
}

/// One end of a vhost-user stream socket, for a poll loop: it never blocks.
///
/// Messages that the socket has no room for wait here, with duplicates of their descriptors, up to 256 KiB.
public struct VhostConnection: ~Copyable {
  private let socket: StreamSocket
  /// The message that is arriving: bytes of header and payload so far, and the descriptors that came with its first byte.
  private var arriving: [UInt8] = []
  private var arrived = DescriptorBundle()
  /// Bytes that wait, from `sentCount` on.
  private var waiting: [UInt8] = []
  private var sentCount = 0
  /// Descriptors that wait: before which position of `waiting` they go out.
  private var attachments: [Attachment] = []

  private struct Attachment {
    var position: Int
    var count: Int
    var descriptors: InlineArray<8, Int32>
  }

  /// Bytes that may wait.
  public static let maximumWaiting = 256 << 10

  /// Takes over a connected SOCK_STREAM socket; it need not be non-blocking.
  public init(owning descriptor: consuming FileDescriptor) { socket = StreamSocket(owning: descriptor) }

  deinit { for attachment in attachments { VhostConnection.close(attachment) } }

  private static func close(_ attachment: Attachment) {
    for i in 0..<attachment.count { _ = FileDescriptor(owning: attachment.descriptors[i]) }
  }

  /// The descriptor to poll: for input always, for output while `wantsOutput`.
  public var raw: Int32 { socket.descriptor.raw }
  /// True while bytes wait for room in the socket.
  public var wantsOutput: Bool { sentCount < waiting.count }

  // MARK: sending

  /// Sends `message`, as much as the socket takes; the rest waits for `flush`.
  public mutating func send(_ message: VhostOutgoing) throws(VhostConnectionError) {
    guard message.payload.count <= VhostLimits.payload, message.descriptors.count <= VhostLimits.descriptors else {
      throw .system(SystemError("send of a vhost-user message", Errno.invalid))
    }
    let bytes = message.header.encode() + message.payload
    guard waiting.count - sentCount + bytes.count <= VhostConnection.maximumWaiting else { throw .congested }
    if wantsOutput { return try enqueue(bytes, from: 0, message.descriptors) }
    let sent = try transmit(bytes, from: 0, to: bytes.count, message.descriptors)
    // With the first byte the descriptors are gone.
    if sent < bytes.count { try enqueue(bytes, from: sent, sent > 0 ? [] : message.descriptors) }
  }

  /// Sends what waits, as much as the socket takes.
  public mutating func flush() throws(VhostConnectionError) {
    while wantsOutput {
      let first = attachments.first
      let attached = first.map { $0.position == sentCount } ?? false
      let next =
        attached ? (attachments.count > 1 ? attachments[1].position : waiting.count) : first?.position ?? waiting.count
      var descriptors: [Int32] = []
      if attached, let first { for i in 0..<first.count { descriptors.append(first.descriptors[i]) } }
      let sent = try transmit(waiting, from: sentCount, to: next, descriptors)
      guard sent > 0 else { return }
      if attached { VhostConnection.close(attachments.remove(at: 0)) }
      sentCount += sent
    }
    waiting.removeAll(keepingCapacity: true)
    sentCount = 0
  }

  private mutating func enqueue(
    _ bytes: [UInt8], from start: Int, _ descriptors: [Int32]
  ) throws(VhostConnectionError) {
    if !descriptors.isEmpty { attachments.append(try duplicate(descriptors, position: waiting.count)) }
    waiting += bytes[start...]
  }

  private func duplicate(_ descriptors: [Int32], position: Int) throws(VhostConnectionError) -> Attachment {
    var attachment = Attachment(position: position, count: 0, descriptors: InlineArray(repeating: -1))
    for descriptor in descriptors {
      do throws(SystemError) {
        attachment.descriptors[attachment.count] = try StreamSocket.duplicate(descriptor)
      } catch {
        VhostConnection.close(attachment)
        throw .system(error)
      }
      attachment.count += 1
    }
    return attachment
  }

  /// Bytes sent, 0 if there is no room.
  private func transmit(
    _ bytes: [UInt8], from start: Int, to end: Int, _ descriptors: [Int32]
  ) throws(VhostConnectionError) -> Int {
    do throws(SystemError) {
      return try bytes.span.bytes.withUnsafeBytes { (buffer) throws(SystemError) in
        try socket.send(UnsafeRawBufferPointer(rebasing: buffer[start..<end]), descriptors: descriptors)
      }
    } catch {
      throw error.number == Errno.pipe || error.number == Errno.connectionReset ? .closed : .system(error)
    }
  }

  // MARK: receiving

  /// The next whole message, or nil if it is not yet all here. Call until nil after each readiness.
  public mutating func receive() throws(VhostConnectionError) -> VhostIncoming? {
    if arriving.count < VhostHeader.size {
      guard try fill(to: VhostHeader.size) else { return nil }
      do throws(VhostMessageError) { try VhostHeader(arriving).check() } catch { throw .malformed(error) }
    }
    let header = try arrivingHeader()
    guard try fill(to: VhostHeader.size + Int(header.payloadSize)) else { return nil }
    let payload = Array(arriving[VhostHeader.size...])
    arriving.removeAll(keepingCapacity: true)
    return VhostIncoming(header: header, payload: payload, descriptors: arrived.takeAll())
  }

  private func arrivingHeader() throws(VhostConnectionError) -> VhostHeader {
    do throws(VhostMessageError) { return try VhostHeader(arriving) } catch { throw .malformed(error) }
  }

  /// Reads until `arriving` has `count` bytes, and never beyond, so that descriptors are known to be of this message.
  /// False if the socket has no more for now.
  private mutating func fill(to count: Int) throws(VhostConnectionError) -> Bool {
    while arriving.count < count {
      let had = arriving.count
      var bundle = DescriptorBundle()
      let got = try read(count - had, &bundle)
      if got < 0 { return false }
      if got == 0 { throw had == 0 ? .closed : .closedInMessage }
      if bundle.count > 0 {
        // Descriptors travel with a header's first byte ("Communication").
        guard had == 0, bundle.count <= VhostLimits.descriptors else { throw .malformed(.strayDescriptors) }
        arrived = bundle.takeAll()
      }
    }
    return true
  }

  /// Appends at most `count` bytes; 0 end of stream, -1 nothing for now.
  private mutating func read(_ count: Int, _ bundle: inout DescriptorBundle) throws(VhostConnectionError) -> Int {
    var buffer = [UInt8](repeating: 0, count: count)
    var got: Int?
    do throws(SystemError) {
      var span = buffer.mutableSpan
      got = try span.withUnsafeMutableBufferPointer { (bytes) throws(SystemError) -> Int? in
        try socket.receive(into: UnsafeMutableRawBufferPointer(bytes), &bundle)
      }
    } catch {
      if error.number == Errno.connectionReset { return 0 }
      // The C side reports more than 16 descriptors so.
      throw error.number == Errno.messageSize ? .malformed(.strayDescriptors) : .system(error)
    }
    guard let got else { return -1 }
    arriving += buffer[..<got]
    return got
  }
}
