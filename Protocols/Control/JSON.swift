import CJSON

/// Why bytes are not JSON.
public struct JSONError: Error, Sendable {
  /// Line of the text, from 1.
  public let line: Int
  /// The parser's words.
  public let reason: String

  /// One sentence.
  public var sentence: String { "not valid JSON at line \(line): \(reason)" }
}

/// One parsed JSON text. Nodes keep it alive.
public final class JSONDocument {
  private let raw: UnsafeMutableRawPointer

  private init(raw: UnsafeMutableRawPointer) { self.raw = raw }
  deinit { atoll_json_free(raw) }

  /// Parses a whole text: one value, no duplicate keys, nothing after it. The parser limits nesting to 2048 levels.
  public static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONNode {
    var reason = [CChar](repeating: 0, count: 160)
    var line: Int32 = 0
    let raw = bytes.withUnsafeBytes { text in
      reason.withUnsafeMutableBufferPointer { out in
        atoll_json_parse(
          text.baseAddress?.assumingMemoryBound(to: CChar.self) ?? emptyText, UInt(text.count), out.baseAddress,
          UInt(out.count), &line)
      }
    }
    guard let raw else { throw JSONError(line: Int(line), reason: words(reason)) }
    return JSONNode(document: JSONDocument(raw: raw), raw: UnsafeRawPointer(raw))
  }

  private static var emptyText: UnsafePointer<CChar> {
    UnsafeRawPointer(StaticString("").utf8Start).assumingMemoryBound(to: CChar.self)
  }

  /// The parser's reason quotes the text: what is not printable ASCII becomes a dot.
  private static func words(_ reason: [CChar]) -> String {
    let bytes = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: bytes.map { $0 >= 0x20 && $0 < 0x7f ? $0 : 0x2e }, as: UTF8.self)
  }
}

/// One value of a parsed text.
public struct JSONNode {
  private let document: JSONDocument
  private let raw: UnsafeRawPointer

  init(document: JSONDocument, raw: UnsafeRawPointer) {
    self.document = document
    self.raw = raw
  }

  private func node(_ raw: UnsafeRawPointer?) -> JSONNode? { raw.map { JSONNode(document: document, raw: $0) } }

  /// Whether this is an object.
  public var isObject: Bool { atoll_json_kind(raw) == 0 }
  /// Whether this is an array.
  public var isArray: Bool { atoll_json_kind(raw) == 1 }
  /// The value of true or false.
  public var bool: Bool? {
    switch atoll_json_kind(raw) {
    case 5: true
    case 6: false
    default: nil
    }
  }
  /// The value of a number without fraction or exponent.
  public var integer: Int? { atoll_json_kind(raw) == 3 ? atoll_json_integer(raw) : nil }

  /// The bytes of a string (valid UTF-8; never contains U+0000).
  public var bytes: [UInt8]? {
    var size: UInt = 0
    guard let start = atoll_json_string(raw, &size) else { return nil }
    return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(size)))
  }
  /// The string.
  public var string: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

  /// Whether this is the string `text`; without String's comparison, which needs Unicode tables that Embedded Swift lacks.
  public func isString(_ text: StaticString) -> Bool { bytes.map { same($0, text) } ?? false }

  /// Member `key` of an object.
  public func member(_ key: StaticString) -> JSONNode? {
    guard isObject else { return nil }
    let name = UnsafeRawPointer(key.utf8Start).assumingMemoryBound(to: CChar.self)
    return node(atoll_json_member(raw, name, UInt(key.utf8CodeUnitCount)))
  }

  /// The first key of an object that is not among `known`.
  public func keyOutside(_ known: [StaticString]) -> String? {
    var index: UInt = 0
    var size: UInt = 0
    while isObject, let start = atoll_json_key(raw, index, &size) {
      let key = [UInt8](UnsafeRawBufferPointer(start: start, count: Int(size)))
      if !known.contains(where: { same(key, $0) }) { return String(decoding: key, as: UTF8.self) }
      index += 1
    }
    return nil
  }

  /// The elements of an array; none for anything else.
  public var elements: [JSONNode] {
    (0..<atoll_json_count(raw)).compactMap { node(atoll_json_element(raw, $0)) }
  }
}

/// Whether bytes spell `text`.
public func same(_ bytes: [UInt8], _ text: StaticString) -> Bool {
  bytes.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
}

/// Whether two strings have the same bytes.
public func same(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
