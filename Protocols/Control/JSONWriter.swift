/// Writes JSON on one line. The caller keeps objects and arrays balanced.
public struct JSONWriter {
  /// What has been written.
  public private(set) var bytes: [UInt8] = []
  private var needsComma = false

  /// An empty text.
  public init() {}

  /// The text with the newline that ends a message.
  public consuming func line() -> [UInt8] {
    bytes.append(0x0a)
    return bytes
  }

  private mutating func raw(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func separate() {
    if needsComma { bytes.append(0x2c) }
    needsComma = true
  }

  private mutating func open(_ character: UInt8, _ key: StaticString?) {
    if let key { self.key(key) } else { separate() }
    bytes.append(character)
    needsComma = false
  }

  private mutating func close(_ character: UInt8) {
    bytes.append(character)
    needsComma = true
  }

  private mutating func key(_ key: StaticString) {
    separate()
    bytes.append(0x22)
    raw(key)
    raw("\":")
  }

  /// Opens an object: a member if `key` is given, else an element or the text itself.
  public mutating func beginObject(_ key: StaticString? = nil) { open(0x7b, key) }
  /// Closes the innermost object.
  public mutating func endObject() { close(0x7d) }
  /// Opens an array, as `beginObject`.
  public mutating func beginArray(_ key: StaticString? = nil) { open(0x5b, key) }
  /// Closes the innermost array.
  public mutating func endArray() { close(0x5d) }

  /// A string member.
  public mutating func member(_ key: StaticString, _ text: String) {
    self.key(key)
    quote(text)
  }
  /// An integer member.
  public mutating func member<I: BinaryInteger>(_ key: StaticString, _ value: I) {
    self.key(key)
    // Readers hold 64-bit signed numbers: a counter that a lying device inflated must not make the whole reply unreadable.
    bytes.append(contentsOf: "\(Int64(clamping: value))".utf8)
  }
  /// A boolean member.
  public mutating func member(_ key: StaticString, flag: Bool) {
    self.key(key)
    raw(flag ? "true" : "false")
  }

  /// A member that is a list of strings.
  public mutating func member(_ key: StaticString, _ texts: [String]) {
    beginArray(key)
    for text in texts {
      separate()
      quote(text)
    }
    endArray()
  }

  private mutating func quote(_ text: String) {
    bytes.append(0x22)
    for byte in text.utf8 {
      switch byte {
      case 0x22, 0x5c: bytes += [0x5c, byte]
      case 0..<0x20: escapeControl(byte)
      default: bytes.append(byte)
      }
    }
    bytes.append(0x22)
  }

  private mutating func escapeControl(_ byte: UInt8) {
    let low = byte & 15
    raw(byte < 0x10 ? "\\u000" : "\\u001")
    bytes.append(low < 10 ? 0x30 + low : 0x57 + low)
  }
}
