// Writer of flattened device trees (Devicetree Specification 0.4, 5), version 17. Reading is not this module's
// business: a tree is only handed out.

/// Builds one tree: nodes and properties in the order of the calls.
public struct FlattenedDeviceTree {
  private var structure = ByteWriter()
  private var strings = ByteWriter()
  private var known: [(name: String, offset: UInt32)] = []
  private var depth = 0
  private enum Token {
    static let beginNode: UInt32 = 1
    static let endNode: UInt32 = 2
    static let property: UInt32 = 3
    static let end: UInt32 = 9
  }
  private static let headerSize = 40
  private static let reservationSize = 16

  /// An empty tree.
  public init() {}

  /// Opens a node; the root's name is empty.
  public mutating func begin(_ name: String) {
    structure.bigEndian(Token.beginNode)
    structure.text(name)
    structure.u8(0)
    structure.align(4)
    depth += 1
  }

  /// Closes the innermost open node.
  public mutating func end() {
    guard depth > 0 else { return }
    structure.bigEndian(Token.endNode)
    depth -= 1
  }

  /// A node with what `body` puts into it.
  public mutating func node(_ name: String, _ body: (inout FlattenedDeviceTree) -> Void) {
    begin(name)
    body(&self)
    end()
  }

  /// A property with raw bytes.
  public mutating func property(_ name: String, bytes: [UInt8]) {
    structure.bigEndian(Token.property)
    structure.bigEndian(UInt32(bytes.count))
    structure.bigEndian(offset(of: name))
    structure.raw(bytes)
    structure.align(4)
  }
  /// A property without a value: true by being there.
  public mutating func flag(_ name: String) { property(name, bytes: []) }
  /// A property of 32-bit cells.
  public mutating func cells(_ name: String, _ values: UInt32...) {
    var writer = ByteWriter()
    for value in values { writer.bigEndian(value) }
    property(name, bytes: writer.bytes)
  }
  /// A property of one or more strings.
  public mutating func strings(_ name: String, _ values: String...) {
    var writer = ByteWriter()
    for value in values {
      writer.text(value)
      writer.u8(0)
    }
    property(name, bytes: writer.bytes)
  }
  /// `reg` of a bus with two address and two size cells.
  public mutating func registers(_ ranges: AddressRange...) {
    var writer = ByteWriter()
    for range in ranges {
      writer.bigEndian(range.start)
      writer.bigEndian(range.size)
    }
    property("reg", bytes: writer.bytes)
  }

  private mutating func offset(of name: String) -> UInt32 {
    // Few distinct names: a list beats a dictionary, which would bring hashing into the loader.
    for entry in known where entry.name.utf8.elementsEqual(name.utf8) { return entry.offset }
    let offset = UInt32(strings.count)
    known.append((name, offset))
    strings.text(name)
    strings.u8(0)
    return offset
  }

  /// The tree as a blob: header, no reservations, structure, strings. Open nodes are closed.
  public consuming func blob(bootCPU: UInt32 = 0) -> [UInt8] {
    while depth > 0 { end() }
    structure.bigEndian(Token.end)
    let structureOffset = UInt32(FlattenedDeviceTree.headerSize + FlattenedDeviceTree.reservationSize)
    let stringsOffset = structureOffset + UInt32(structure.count)
    var writer = ByteWriter()
    writer.bigEndian(UInt32(0xd00d_feed))
    writer.bigEndian(stringsOffset + UInt32(strings.count))
    writer.bigEndian(structureOffset)
    writer.bigEndian(stringsOffset)
    writer.bigEndian(UInt32(FlattenedDeviceTree.headerSize))
    writer.bigEndian(UInt32(17))
    writer.bigEndian(UInt32(16))
    writer.bigEndian(bootCPU)
    writer.bigEndian(UInt32(strings.count))
    writer.bigEndian(UInt32(structure.count))
    writer.zeros(FlattenedDeviceTree.reservationSize)
    writer.raw(structure.bytes)
    writer.raw(strings.bytes)
    return writer.bytes
  }
}
