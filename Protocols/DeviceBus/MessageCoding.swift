import System

/// The number of a message. 1–15 go to a device, 16–31 come from one; 32–47 go to the VMM, 48–63 come from it;
/// 64–79 go to the loader, 80–95 come from it; 96–111 go to the terminal, 112–127 come from it;
/// 128–143 go from a device to the VMM, 144–159 come back.
public enum Request: UInt32, Sendable, CaseIterable {
  case attach = 1
  case hostEvent = 2
  case queryDeviceCounters = 3
  case connectFrontEnd = 4
  case attachFunction = 6
  case abandonFunction = 7
  case deviceReady = 16
  case machineEvent = 17
  case deviceCounters = 18
  case deviceFailed = 19
  case functionState = 20
  case machine = 32
  case attachDevice = 34
  case detachDevice = 35
  case boot = 36
  case run = 37
  case pause = 38
  case stop = 39
  case queryMachineCounters = 40
  case abandonDevice = 41
  case machineReady = 48
  case deviceFault = 49
  case vcpuFailed = 50
  case machineCounters = 51
  case paused = 52
  case machineFailed = 53
  case load = 64
  case loadFirmware = 65
  case loaded = 80
  case loadFailed = 81
  case attachConsole = 96
  case finish = 97
  case terminalReady = 112
  case quit = 113
  case inputClosed = 114
  case consoleFault = 115
  case bindDoorbell = 128
  case unbindDoorbell = 129
  case bindMSI = 130
  case unbindMSI = 131
  case bound = 144
}

/// Why a message was refused; every one of them ends the peer, never the reader.
public enum MessageError: Error, Sendable, Equatable {
  /// Fewer bytes than the header or the header's size promise.
  case truncated
  /// More bytes than the message has, or more than 8192.
  case oversized
  /// A request that does not exist, or not in this direction.
  case unknownRequest(UInt32)
  /// Another message was due.
  case unexpectedRequest(UInt32)
  /// A header flag that has no meaning.
  case unknownFlags(UInt32)
  /// More or fewer descriptors than the message carries.
  case wrongDescriptorCount(Int)
  /// The peer speaks another version.
  case unsupportedVersion(UInt32)
  /// A field is out of its range.
  case impossible(StaticString)

  /// What the peer did, as one sentence without a full stop.
  public var sentence: String {
    switch self {
    case .truncated: "the message is shorter than its header says"
    case .oversized: "the message is longer than its kind allows"
    case .unknownRequest(let number): "request \(number) does not exist"
    case .unexpectedRequest(let number): "request \(number) is not allowed here"
    case .unknownFlags(let flags): "header flags \(flags) have no meaning"
    case .wrongDescriptorCount(let count): "\(count) descriptors came, which is not what the message carries"
    case .unsupportedVersion(let version): "protocol version \(version) is not spoken here"
    case .impossible(let what): what.text
    }
  }

  public static func == (a: MessageError, b: MessageError) -> Bool {
    switch (a, b) {
    case (.truncated, .truncated), (.oversized, .oversized), (.impossible, .impossible): true
    case (.unknownRequest(let x), .unknownRequest(let y)), (.unexpectedRequest(let x), .unexpectedRequest(let y)),
      (.unknownFlags(let x), .unknownFlags(let y)), (.unsupportedVersion(let x), .unsupportedVersion(let y)):
      x == y
    case (.wrongDescriptorCount(let x), .wrongDescriptorCount(let y)): x == y
    default: false
    }
  }
}

/// The 12 bytes before every payload: request, flags, payload size; u32 each, little endian.
public struct MessageHeader: Sendable, Equatable {
  /// Bytes of an encoded header.
  public static let size = 12
  /// Flag bit 0: the last descriptor is a seccomp program for the receiver (see `SecondPhase`).
  public static let filterAttached: UInt32 = 1
  /// A `Request`'s number.
  public var request: UInt32
  /// Zero or `filterAttached`.
  public var flags: UInt32
  /// Bytes of payload, 0...8192.
  public var payloadSize: UInt32
}

/// Builds a payload, little endian and without padding.
public struct PayloadWriter {
  /// The bytes so far.
  public private(set) var bytes: [UInt8] = []

  /// An empty payload.
  public init() {}

  /// Appends 4 bytes.
  public mutating func put(_ value: UInt32) {
    for i in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * i))) }
  }
  /// Appends 8 bytes.
  public mutating func put(_ value: UInt64) {
    for i in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * i))) }
  }
  /// Appends 4 bytes, 0 or 1.
  public mutating func put(_ value: Bool) { put(UInt32(value ? 1 : 0)) }
  /// Appends a length of 4 bytes and then the bytes.
  public mutating func put(counted value: [UInt8]) {
    put(UInt32(truncatingIfNeeded: value.count))
    bytes += value
  }
}

/// Takes a payload apart; it never reads beyond the end.
public struct PayloadReader {
  private let bytes: [UInt8]
  private var position = 0

  /// Starts at the first of `bytes`.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Bytes not yet taken.
  public var remaining: Int { bytes.count - position }

  private mutating func take(_ count: Int) throws(MessageError) -> UInt64 {
    guard count <= remaining else { throw .truncated }
    var value: UInt64 = 0
    for i in 0..<count { value |= UInt64(bytes[position + i]) << UInt64(8 * i) }
    position += count
    return value
  }
  /// Takes 4 bytes.
  public mutating func u32() throws(MessageError) -> UInt32 { UInt32(truncatingIfNeeded: try take(4)) }
  /// Takes 8 bytes.
  public mutating func u64() throws(MessageError) -> UInt64 { try take(8) }
  /// Takes 4 bytes that must be 0 or 1.
  public mutating func flag() throws(MessageError) -> Bool {
    switch try u32() {
    case 0: false
    case 1: true
    default: throw .impossible("a yes-or-no field is neither 0 nor 1")
    }
  }
  /// Takes a length of 4 bytes, at most `limit`, and then as many bytes.
  public mutating func counted(limit: Int) throws(MessageError) -> [UInt8] {
    let count = Int(try u32())
    guard count <= limit else { throw .impossible("a text or list is longer than its limit") }
    guard count <= remaining else { throw .truncated }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }
  /// Takes a counted text of at most `limit` bytes; what is not printable ASCII becomes `?`, because it goes to a log.
  public mutating func text(limit: Int) throws(MessageError) -> String {
    String(decoding: try counted(limit: limit).map { (32...126).contains($0) ? $0 : 63 }, as: UTF8.self)
  }
}

/// A set-up message: what it is called, its payload, and what makes it valid.
public protocol Message: Sendable {
  /// The number in the header.
  static var request: Request { get }
  /// Descriptors that go with it, a seccomp program not counted.
  var descriptorCount: Int { get }
  /// Appends the fields in the order of the specification.
  func encode(into payload: inout PayloadWriter)
  /// Takes the fields; ranges are `check`'s business.
  init(fields payload: inout PayloadReader) throws(MessageError)
  /// The one place where the ranges of the fields are checked.
  func check() throws(MessageError)
}

extension Message {
  /// Most messages carry none.
  public var descriptorCount: Int { 0 }
  /// Most fields may hold anything.
  public func check() throws(MessageError) {}
  /// The payload.
  public func encode() -> [UInt8] {
    var payload = PayloadWriter()
    encode(into: &payload)
    return payload.bytes
  }
  /// The message in a hostile payload: all of it, in range, or an error.
  public init(decoding payload: [UInt8]) throws(MessageError) {
    guard payload.count <= Channel.maximumPayload else { throw .oversized }
    var reader = PayloadReader(payload)
    try self.init(fields: &reader)
    guard reader.remaining == 0 else { throw .oversized }
    try check()
  }
}
