// The file from which the process gets its items (Machine, FirmwareConfiguration.encode). It is the supervisor's, not a guest's,
// and is checked all the same.

/// Why a file of items was refused.
public enum ItemError: Error, Sendable, Equatable {
  /// It does not begin as such a file does.
  case foreign
  /// An item lies outside the file, or there are more than 256.
  case outOfRange

  /// What is wrong, as one sentence without a full stop.
  public var sentence: StaticString {
    switch self {
    case .foreign: "the firmware's configuration is not in the form of this version"
    case .outOfRange: "an item of the firmware's configuration lies outside its file"
    }
  }
}

/// What fw_cfg serves, by selector.
public struct Items: Sendable {
  private static let magic: UInt64 = 0x4643_5746_4c4f_5441
  private static let maximum = 256

  private struct Entry: Sendable {
    var selector: UInt16
    var offset: Int
    var size: Int
  }

  private let file: [UInt8]
  private var entries: [Entry] = []

  /// No items: every selector is empty.
  public init() { file = [] }

  /// The items of a file.
  public init(file: [UInt8]) throws(ItemError) {
    self.file = file
    guard file.count >= 12, Self.number(file, 0, 8) == Self.magic else { throw .foreign }
    let count = Int(Self.number(file, 8, 4))
    guard count <= Self.maximum, 12 + 12 * count <= file.count else { throw .outOfRange }
    for index in 0..<count {
      let at = 12 + 12 * index
      let (offset, size) = (Int(Self.number(file, at + 4, 4)), Int(Self.number(file, at + 8, 4)))
      guard let selector = UInt16(exactly: Self.number(file, at, 4)), offset <= file.count, size <= file.count - offset
      else { throw .outOfRange }
      entries.append(Entry(selector: selector, offset: offset, size: size))
    }
  }

  private static func number(_ bytes: [UInt8], _ at: Int, _ size: Int) -> UInt64 {
    var value: UInt64 = 0
    for i in 0..<size { value |= UInt64(bytes[at + i]) << UInt64(8 * i) }
    return value
  }

  /// Byte `position` of an item; 0 beyond its end and where there is no such item, as QEMU has it.
  func byte(_ selector: UInt16, _ position: UInt32) -> UInt8 {
    for entry in entries where entry.selector == selector {
      return Int(position) < entry.size ? file[entry.offset + Int(position)] : 0
    }
    return 0
  }
}
