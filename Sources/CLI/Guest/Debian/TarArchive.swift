/// One member of a tar archive: what comes before its content, in the formats that dpkg-deb writes.
struct TarMember: Equatable {
  /// What the member is; devices and the like are not found in packages.
  enum Kind: Equatable { case file, directory, symbolicLink, hardLink }
  /// Its path below the root, without a slash at either end; empty for the root itself.
  var path: String
  var kind: Kind
  /// Its records in the archive, extended headers and content included, so that they can be copied as they are.
  var records: Range<Int>
}

/// Why an archive cannot be read.
enum TarError: Error, Equatable {
  /// It ends within a member.
  case truncated
  /// A header's checksum is wrong.
  case damaged
  /// A member is of a kind, or has a name, that no package should have.
  case unexpected(String)

  /// One sentence without a subject.
  var words: String {
    switch self {
    case .truncated: "its archive of files ends too early"
    case .damaged: "its archive of files is damaged"
    case .unexpected(let what): "its archive of files holds \(what)"
    }
  }
}

/// Walks over the members of a tar archive: POSIX.1-1988 "ustar" and GNU's long names (deb(5), "data.tar").
struct TarReader<Bytes: RandomAccessCollection> where Bytes.Element == UInt8, Bytes.Index == Int {
  private let bytes: Bytes
  private var at = 0

  /// `bytes` starts at index 0.
  init(_ bytes: Bytes) { self.bytes = bytes }

  /// The next member, or nil at the end.
  mutating func next() throws(TarError) -> TarMember? {
    let start = at
    var longName: String?
    while let header = try header() {
      let size = try header.number(124, 12)
      let content = at..<at + size
      let end = at + (size + 511) & ~511
      guard size <= bytes.count, end <= bytes.count else { throw .truncated }
      at = end
      switch header.type {
      case UInt8(ascii: "L"): longName = TarHeader.text(bytes[content])
      case UInt8(ascii: "K"): continue
      case let type:
        let kind = try TarHeader.kind(type)
        return TarMember(path: try TarHeader.plain(longName ?? header.name), kind: kind, records: start..<end)
      }
    }
    return nil
  }

  /// The header at the current place, which moves behind it; nil for a block of zeros or the very end.
  private mutating func header() throws(TarError) -> TarHeader? {
    if at == bytes.count { return nil }
    guard bytes.count - at >= 512 else { throw .truncated }
    let header = TarHeader(block: Array(bytes[at..<at + 512]))
    if header.block.allSatisfy({ $0 == 0 }) { return nil }
    guard try header.number(148, 8) == header.checksum else { throw .damaged }
    at += 512
    return header
  }
}

/// The block before a member's content (POSIX.1-1988, 10.1.1).
struct TarHeader {
  fileprivate(set) var block: [UInt8]

  fileprivate init(block: [UInt8]) { self.block = block }

  fileprivate var type: UInt8 { block[156] }

  /// The sum of all bytes with the checksum itself taken as spaces.
  fileprivate var checksum: Int {
    block.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 0x20 : Int(block[$1])) }
  }

  /// GNU's format has other things where ustar has a prefix of the name.
  fileprivate var name: String {
    let name = TarHeader.text(block[0..<100])
    let isPOSIX = block[257..<265].elementsEqual("ustar\u{0}00".utf8)
    let prefix = isPOSIX ? TarHeader.text(block[345..<500]) : ""
    return prefix.isEmpty ? name : prefix + "/" + name
  }

  fileprivate func number(_ offset: Int, _ count: Int) throws(TarError) -> Int {
    var value = 0
    for byte in block[offset..<offset + count] where byte != 0 && byte != 0x20 {
      guard (0x30...0x37).contains(byte) else { throw .damaged }
      value = value << 3 | Int(byte - 0x30)
    }
    return value
  }

  fileprivate static func text(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  fileprivate static func kind(_ type: UInt8) throws(TarError) -> TarMember.Kind {
    switch type {
    case 0, UInt8(ascii: "0"): .file
    case UInt8(ascii: "1"): .hardLink
    case UInt8(ascii: "2"): .symbolicLink
    case UInt8(ascii: "5"): .directory
    default: throw .unexpected("a member of type \(type)")
    }
  }

  /// "./usr/bin/" becomes "usr/bin"; nothing may lead out of the root.
  fileprivate static func plain(_ name: String) throws(TarError) -> String {
    let parts = name.split(separator: "/").filter { $0 != "." }
    guard !name.hasPrefix("/"), !parts.contains("..") else { throw .unexpected("the name \(name)") }
    return parts.joined(separator: "/")
  }
}

/// Makes members of a tar archive that belong to root and were changed at the start of 1970, so that the same content
/// gives the same archive.
enum TarWriter {
  /// Two blocks of zeros.
  static let end = [UInt8](repeating: 0, count: 1024)

  /// A file with these bytes.
  static func file(_ path: String, _ content: [UInt8], mode: Int = 0o644) -> [UInt8] {
    records(path, "0", mode: mode, size: content.count) + padded(content)
  }

  /// A folder.
  static func directory(_ path: String, mode: Int = 0o755) -> [UInt8] { records(path + "/", "5", mode: mode) }

  /// A symbolic link to `target`.
  static func symbolicLink(_ path: String, to target: String) -> [UInt8] {
    records(path, "2", mode: 0o777, target: target)
  }

  /// Another name of `target`, which came before.
  static func hardLink(_ path: String, to target: String) -> [UInt8] {
    records(path, "1", mode: 0o644, target: "./" + target)
  }

  private static func records(_ path: String, _ type: Character, mode: Int, size: Int = 0, target: String = "")
    -> [UInt8]
  {
    let name = "./" + path
    var all: [UInt8] = []
    if target.utf8.count > 100 { all += long("K", target) }
    if name.utf8.count > 100 { all += long("L", name) }
    return all + header(name, type, mode: mode, size: size, target: target)
  }

  /// GNU's extension for a name or target of more than 100 bytes: a member with it as content.
  private static func long(_ type: Character, _ text: String) -> [UInt8] {
    let content = Array(text.utf8) + [0]
    return header("././@LongLink", type, mode: 0o644, size: content.count, target: "") + padded(content)
  }

  private static func header(_ name: String, _ type: Character, mode: Int, size: Int, target: String) -> [UInt8] {
    var header = TarHeader(block: [UInt8](repeating: 0, count: 512))
    func put(_ bytes: some Collection<UInt8>, at offset: Int) {
      for (index, byte) in bytes.enumerated() { header.block[offset + index] = byte }
    }
    put(name.utf8.prefix(100), at: 0)
    for (offset, digits, value) in [(100, 7, mode), (108, 7, 0), (116, 7, 0), (124, 11, size), (136, 11, 0)] {
      put(octal(value, digits), at: offset)
    }
    put(String(type).utf8, at: 156)
    put(target.utf8.prefix(100), at: 157)
    put("ustar  \u{0}root".utf8, at: 257)
    put("root".utf8, at: 297)
    put(octal(header.checksum, 6) + [0, 0x20], at: 148)
    return header.block
  }

  private static func octal(_ value: Int, _ digits: Int) -> [UInt8] {
    (0..<digits).map { 0x30 + UInt8(value >> (3 * (digits - 1 - $0)) & 7) }
  }

  private static func padded(_ content: [UInt8]) -> [UInt8] {
    content + [UInt8](repeating: 0, count: -content.count & 511)
  }
}
