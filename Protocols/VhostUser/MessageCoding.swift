import System

/// Why a message was refused: what the peer did.
public enum VhostMessageError: Error, Sendable, Equatable {
  /// The header's version bits are not 1.
  case unsupportedVersion(UInt32)
  /// A header flag that has no meaning here: a reply that should be a request, the reverse, or an unknown bit.
  case unexpectedFlags(UInt32)
  /// A payload longer than any message (`VhostLimits.payload`).
  case oversized(UInt32)
  /// The payload does not have the length of its message.
  case wrongSize(request: UInt32, size: Int)
  /// A number that the specification does not define, or defines for something that Atoll does not do.
  case unknownRequest(UInt32)
  /// A message of another kind was due.
  case unexpectedRequest(UInt32)
  /// More or fewer descriptors than the message carries.
  case wrongDescriptorCount(request: UInt32, count: Int)
  /// Descriptors came with another byte than a header's first, or more than 8.
  case strayDescriptors
  /// A field is out of its range.
  case impossible(request: UInt32, StaticString)

  /// What the peer did, as one sentence without a full stop.
  public var sentence: String {
    switch self {
    case .unsupportedVersion(let flags): "header flags \(flags) are not of vhost-user version 1"
    case .unexpectedFlags(let flags): "header flags \(flags) have no place here"
    case .oversized(let size): "a payload of \(size) bytes is longer than any message"
    case .wrongSize(let request, let size): "request \(request) has \(size) bytes of payload, which is not its length"
    case .unknownRequest(let request): "request \(request) is not known"
    case .unexpectedRequest(let request): "request \(request) is not due"
    case .wrongDescriptorCount(let request, let count):
      "request \(request) came with \(count) descriptors, which is not what it carries"
    case .strayDescriptors: "descriptors came that belong to no message"
    case .impossible(let request, let what): "request \(request): \(what.text)"
    }
  }

  public static func == (a: VhostMessageError, b: VhostMessageError) -> Bool {
    switch (a, b) {
    case (.unsupportedVersion(let x), .unsupportedVersion(let y)), (.unexpectedFlags(let x), .unexpectedFlags(let y)),
      (.oversized(let x), .oversized(let y)), (.unknownRequest(let x), .unknownRequest(let y)),
      (.unexpectedRequest(let x), .unexpectedRequest(let y)), (.impossible(let x, _), .impossible(let y, _)):
      x == y
    case (.wrongSize(let x, let m), .wrongSize(let y, let n)),
      (.wrongDescriptorCount(let x, let m), .wrongDescriptorCount(let y, let n)):
      x == y && m == n
    case (.strayDescriptors, .strayDescriptors): true
    default: false
    }
  }
}

/// The 12 bytes before every payload: request, flags, payload size; u32 each, in host byte order, which is little endian on
/// every host that Atoll knows.
public struct VhostHeader: Sendable, Equatable {
  /// Bytes of an encoded header.
  public static let size = 12
  /// Flags bits 0–1: the version, 1.
  public static let version: UInt32 = 1
  /// Flags bit 2: this is an answer.
  public static let reply: UInt32 = 1 << 2
  /// Flags bit 3: with REPLY_ACK negotiated, the sender waits for 0 (done) or another number (failed).
  public static let needReply: UInt32 = 1 << 3

  /// Number of the request, as it came; the two directions number separately.
  public var request: UInt32
  /// Version, reply, needReply.
  public var flags: UInt32
  /// Bytes of payload.
  public var payloadSize: UInt32

  public init(request: UInt32, flags: UInt32, payloadSize: UInt32) {
    (self.request, self.flags, self.payloadSize) = (request, flags, payloadSize)
  }

  /// The header in the first 12 of `bytes`; nothing is checked but that they are there.
  public init(_ bytes: [UInt8]) throws(VhostMessageError) {
    var reader = VhostReader(bytes, request: 0)
    self.init(request: try reader.u32(), flags: try reader.u32(), payloadSize: try reader.u32())
  }

  /// The one place where a header is checked: version 1, no unknown flag, payload ≤ 4096.
  // An answer that has need_reply set is not refused: libvhost-user gives the request's flag back.
  public func check() throws(VhostMessageError) {
    guard flags & 3 == VhostHeader.version else { throw .unsupportedVersion(flags) }
    guard flags & ~(3 | VhostHeader.reply | VhostHeader.needReply) == 0 else { throw .unexpectedFlags(flags) }
    guard payloadSize <= UInt32(VhostLimits.payload) else { throw .oversized(payloadSize) }
  }

  /// True if this is an answer.
  public var isReply: Bool { flags & VhostHeader.reply != 0 }
  /// True if the sender wants its message acknowledged.
  public var needsReply: Bool { flags & VhostHeader.needReply != 0 }

  /// The 12 bytes.
  public func encode() -> [UInt8] {
    var writer = VhostWriter()
    for field in [request, flags, payloadSize] { writer.put(field) }
    return writer.bytes
  }
}

/// Builds a payload, without padding but what the messages say.
public struct VhostWriter: Sendable {
  /// The bytes so far.
  public private(set) var bytes: [UInt8] = []
  public init() {}

  /// Appends 1 byte.
  public mutating func put(_ value: UInt8) { bytes.append(value) }
  /// Appends 2 bytes.
  public mutating func put(_ value: UInt16) {
    for shift in 0..<2 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * shift))) }
  }
  /// Appends 4 bytes.
  public mutating func put(_ value: UInt32) {
    for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * shift))) }
  }
  /// Appends 8 bytes.
  public mutating func put(_ value: UInt64) {
    for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * shift))) }
  }
  /// Appends bytes as they are.
  public mutating func put(_ value: [UInt8]) { bytes += value }
  /// Appends `count` zero bytes.
  public mutating func pad(_ count: Int) { for _ in 0..<count { bytes.append(0) } }
}

/// Takes a payload apart; it never reads beyond the end.
public struct VhostReader {
  private let bytes: [UInt8]
  private var position = 0
  /// For errors: whose payload this is.
  public let request: UInt32

  /// Starts at the first of `bytes`, which are `request`'s.
  public init(_ bytes: [UInt8], request: UInt32) { (self.bytes, self.request) = (bytes, request) }

  /// Bytes of the whole payload.
  public var count: Int { bytes.count }
  /// Bytes not yet taken.
  public var remaining: Int { bytes.count - position }

  private mutating func take(_ count: Int) throws(VhostMessageError) -> UInt64 {
    guard count <= remaining else { throw .wrongSize(request: request, size: bytes.count) }
    var value: UInt64 = 0
    for i in 0..<count { value |= UInt64(bytes[position + i]) << UInt64(8 * i) }
    position += count
    return value
  }
  /// Takes 1 byte.
  public mutating func u8() throws(VhostMessageError) -> UInt8 { UInt8(truncatingIfNeeded: try take(1)) }
  /// Takes 2 bytes.
  public mutating func u16() throws(VhostMessageError) -> UInt16 { UInt16(truncatingIfNeeded: try take(2)) }
  /// Takes 4 bytes.
  public mutating func u32() throws(VhostMessageError) -> UInt32 { UInt32(truncatingIfNeeded: try take(4)) }
  /// Takes 8 bytes.
  public mutating func u64() throws(VhostMessageError) -> UInt64 { try take(8) }
  /// Takes `count` bytes.
  public mutating func bytes(_ count: Int) throws(VhostMessageError) -> [UInt8] {
    guard count >= 0, count <= remaining else { throw .wrongSize(request: request, size: bytes.count) }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }
  /// An error about a field of this payload.
  public func impossible(_ what: StaticString) -> VhostMessageError { .impossible(request: request, what) }
}

/// A payload in one direction: its fields and what makes them valid.
public protocol VhostPayload: Sendable, Equatable {
  /// Descriptors that go with it.
  var descriptorCount: Int { get }
  /// Appends the fields in the order of the specification.
  func encode(into payload: inout VhostWriter)
  /// Takes the fields; ranges are `check`'s business.
  init(fields payload: inout VhostReader) throws(VhostMessageError)
  /// What is wrong with the fields' values, or nil: the one place where ranges are checked.
  var fault: StaticString? { get }
  /// True if the message may come with `count` descriptors.
  func accepts(descriptorCount count: Int) -> Bool
}

extension VhostPayload {
  /// Most carry none.
  public var descriptorCount: Int { 0 }
  /// Most fields may hold anything.
  public var fault: StaticString? { nil }
  /// Exactly those that it carries.
  public func accepts(descriptorCount count: Int) -> Bool { count == descriptorCount }
  /// The payload.
  public func encode() -> [UInt8] {
    var payload = VhostWriter()
    encode(into: &payload)
    return payload.bytes
  }
  /// The message in a hostile payload that came with `descriptors` descriptors: all of it, in range, or an error.
  public init(decoding payload: [UInt8], descriptors: Int, request: UInt32) throws(VhostMessageError) {
    var reader = VhostReader(payload, request: request)
    try self.init(fields: &reader)
    guard reader.remaining == 0 else { throw .wrongSize(request: request, size: payload.count) }
    if let fault { throw .impossible(request: request, fault) }
    guard accepts(descriptorCount: descriptors) else {
      throw .wrongDescriptorCount(request: request, count: descriptors)
    }
  }
}

/// A message from the front-end to the back-end.
public protocol FrontEndMessage: VhostPayload {
  /// Its number.
  static var request: FrontEndRequest { get }
}

/// A message from the back-end to the front-end, on the back-end's channel.
public protocol BackEndMessage: VhostPayload {
  /// Its number.
  static var request: BackEndRequest { get }
}
