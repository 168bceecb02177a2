// Encoder for the part of AML that the DSDT needs (ACPI 6.5, 20.2). Deliberately absent: everything else.

/// A piece of AML.
public struct AML: Sendable {
  /// The encoded bytes.
  public let bytes: [UInt8]

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// `PkgLength` for a package whose content has `count` bytes (20.2.4): the length counts itself.
  static func packageLength(_ count: Int) -> [UInt8] {
    if count + 1 < 0x40 { return [UInt8(count + 1)] }
    var extra = 1
    while extra < 3, count + 1 + extra >= 1 << (4 + 8 * extra) { extra += 1 }
    let total = count + 1 + extra
    var bytes = [UInt8(truncatingIfNeeded: extra << 6 | total & 0xf)]
    for i in 0..<extra { bytes.append(UInt8(truncatingIfNeeded: total >> (4 + 8 * i))) }
    return bytes
  }

  private static func package(_ opcode: [UInt8], _ content: [UInt8]) -> AML {
    AML(opcode + packageLength(content.count) + content)
  }

  private static func joined(_ parts: [AML]) -> [UInt8] {
    var bytes: [UInt8] = []
    for part in parts { bytes += part.bytes }
    return bytes
  }

  /// A NameString: optional `\`, then segments with dots between them, each padded with `_` to four characters.
  static func name(_ path: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(path.utf8)
    if rest.first == UInt8(ascii: "\\") {
      bytes.append(rest.removeFirst())
    }
    let segments = rest.split(separator: UInt8(ascii: "."))
    if segments.isEmpty { return bytes + [0] }
    if segments.count == 2 { bytes.append(0x2e) }
    if segments.count > 2 { bytes += [0x2f, UInt8(truncatingIfNeeded: segments.count)] }
    for segment in segments {
      for i in 0..<4 { bytes.append(i < segment.count ? segment[segment.startIndex + i] : UInt8(ascii: "_")) }
    }
    return bytes
  }

  // MARK: data

  /// An integer in its shortest form.
  public static func integer(_ value: UInt64) -> AML {
    var writer = ByteWriter()
    switch value {
    case 0, 1: writer.u8(UInt8(value))
    case ...0xff:
      writer.u8(0x0a)
      writer.u8(UInt8(value))
    case ...0xffff:
      writer.u8(0x0b)
      writer.u16(UInt16(value))
    case ...0xffff_ffff:
      writer.u8(0x0c)
      writer.u32(UInt32(value))
    default:
      writer.u8(0x0e)
      writer.u64(value)
    }
    return AML(writer.bytes)
  }

  /// A zero-terminated ASCII string.
  public static func string(_ text: String) -> AML { AML([0x0d] + text.utf8 + [0]) }

  /// A package of at most 255 elements.
  public static func package(_ elements: [AML]) -> AML {
    package([0x12], [UInt8(truncatingIfNeeded: elements.count)] + joined(elements))
  }

  /// A buffer that holds resource descriptors and the end tag.
  public static func resources(_ descriptors: [Resource]) -> AML {
    var content: [UInt8] = []
    for descriptor in descriptors { content += descriptor.bytes }
    content += [0x79, 0]
    return package([0x11], integer(UInt64(content.count)).bytes + content)
  }

  // MARK: objects

  /// `Scope (path) { body }`
  public static func scope(_ path: String, _ body: [AML]) -> AML {
    package([0x10], name(path) + joined(body))
  }
  /// `Device (path) { body }`
  public static func device(_ path: String, _ body: [AML]) -> AML {
    package([0x5b, 0x82], name(path) + joined(body))
  }
  /// `Name (path, value)`
  public static func named(_ path: String, _ value: AML) -> AML { AML([0x08] + name(path) + value.bytes) }
  /// `Method (path, arguments, Serialized) { body }`
  public static func method(_ path: String, arguments: UInt8, _ body: [AML]) -> AML {
    package([0x14], name(path) + [arguments & 7 | 8] + joined(body))
  }
  /// `OperationRegion (path, SystemMemory, address, size)`
  public static func memoryRegion(_ path: String, address: UInt64, size: UInt64) -> AML {
    AML([0x5b, 0x80] + name(path) + [0] + integer(address).bytes + integer(size).bytes)
  }
  /// `Field (region, DWordAcc, NoLock, WriteAsZeros) { unit, bits }`
  public static func wordField(_ region: String, unit: String, bits: Int) -> AML {
    package([0x5b, 0x81], name(region) + [0x43] + name(unit) + fieldLength(bits))
  }

  /// A field's length is encoded as a package length, but does not count itself.
  private static func fieldLength(_ bits: Int) -> [UInt8] {
    if bits < 0x40 { return [UInt8(bits)] }
    return [0x40 | UInt8(truncatingIfNeeded: bits & 0xf), UInt8(truncatingIfNeeded: bits >> 4)]
  }

  // MARK: statements

  /// `Local0`
  public static var local0: AML { AML([0x60]) }
  /// A named object as a term.
  public static func reference(_ path: String) -> AML { AML(name(path)) }
  /// `Arg0` to `Arg6`
  public static func argument(_ number: UInt8) -> AML { AML([0x68 + min(number, 6)]) }
  /// `Return (value)`
  public static func returned(_ value: AML) -> AML { AML([0xa4] + value.bytes) }
  /// `Store (source, target)`
  public static func store(_ source: AML, to target: AML) -> AML { AML([0x70] + source.bytes + target.bytes) }
  /// `And (a, b)` without a target.
  public static func and(_ a: AML, _ b: AML) -> AML { AML([0x7b] + a.bytes + b.bytes + [0]) }
  /// `If (condition) { body }`
  public static func when(_ condition: AML, _ body: [AML]) -> AML {
    package([0xa0], condition.bytes + joined(body))
  }
  /// `Notify (object, value)`
  public static func notify(_ path: String, _ value: UInt64) -> AML {
    AML([0x86] + name(path) + integer(value).bytes)
  }
}

/// A resource descriptor (ACPI 6.5, 6.4).
public struct Resource: Sendable {
  let bytes: [UInt8]

  /// A fixed range of device registers below 4 GiB (6.4.3.4, Memory32Fixed, read and write).
  public static func memory(_ range: AddressRange) -> Resource {
    var writer = ByteWriter()
    writer.u8(0x86)
    writer.u16(9)
    writer.u8(1)
    writer.u32(UInt32(truncatingIfNeeded: range.start))
    writer.u32(UInt32(truncatingIfNeeded: range.size))
    return Resource(bytes: writer.bytes)
  }

  /// One global system interrupt, edge, active high, exclusive (6.4.3.6). Never level: an eventfd carries no falling
  /// edge, so a level pin would never go down.
  public static func edgeInterrupt(gsi: UInt32) -> Resource {
    var writer = ByteWriter()
    writer.u8(0x89)
    writer.u16(6)
    writer.u8(0b0011)  // consumer, edge, active high, exclusive
    writer.u8(1)
    writer.u32(gsi)
    return Resource(bytes: writer.bytes)
  }

  /// General flags of a bridge's window (6.4.3.5): it produces the resource, both ends are fixed, decoding is positive.
  private static let window: UInt8 = 1 << 2 | 1 << 3

  /// The buses behind a host bridge (6.4.3.5.3, WordBusNumber), from 0.
  public static func buses(_ count: UInt16) -> Resource {
    var writer = ByteWriter()
    writer.u8(0x88)
    writer.u16(13)
    writer.raw([2, window, 0])
    for field in [0, 0, count &- 1, 0, count] { writer.u16(field) }
    return Resource(bytes: writer.bytes)
  }

  /// A window of a host bridge through which functions' memory appears at the same address (6.4.3.5.2, DWordMemory):
  /// read and write, not cacheable.
  public static func memoryWindow(_ range: AddressRange) -> Resource {
    doubleWordWindow(type: 0, flags: 1, start: range.start, count: range.size, translation: 0)
  }

  /// I/O ports of a host bridge (6.4.3.5.2, DWordIO), the first of which appears in memory at `translation` + its number.
  public static func portWindow(first: UInt32, count: UInt32, translation: UInt64) -> Resource {
    // Entire range; ports on the far side are memory on the near side.
    doubleWordWindow(type: 1, flags: 3 | 1 << 4, start: UInt64(first), count: UInt64(count), translation: translation)
  }

  private static func doubleWordWindow(
    type: UInt8, flags: UInt8, start: UInt64, count: UInt64, translation: UInt64
  ) -> Resource {
    var writer = ByteWriter()
    writer.u8(0x87)
    writer.u16(23)
    writer.raw([type, window, flags])
    for field in [0, start, start &+ count &- 1, translation, count] {
      writer.u32(UInt32(truncatingIfNeeded: field))
    }
    return Resource(bytes: writer.bytes)
  }
}
