// Recognises a kernel panic in the console's output. Debian's LoongArch kernel is built without the pvpanic driver, so its own
// words are the only sign. A guest that prints them on purpose gets what it asks for.

/// A matcher of bounded memory, fed one byte at a time, for a line that starts with the kernel's words for a panic, after an
/// optional "<n>" level and any number of "[…]" stamps (time, and the caller's id where the kernel prints it).
struct PanicWatch: Sendable {
  /// Where in the line the last byte was.
  enum Position: UInt8 {
    case lineStart = 0
    case level = 1
    case afterLevel = 2
    case stamp = 3
    case afterStamp = 4
    case text = 5
    case elsewhere = 6
  }

  static let text = Array("Kernel panic - not syncing".utf8)

  var position = Position.lineStart
  /// How many bytes of `text` matched; less than its length, and 0 outside position `text`.
  var matched: UInt8 = 0
  /// The panic was found: it is reported once.
  var reported = false

  /// Takes the next byte of output; true when it completes the words for the first time.
  mutating func feed(_ byte: UInt8) -> Bool {
    if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
      move(to: .lineStart)
      return false
    }
    switch position {
    case .lineStart where byte == UInt8(ascii: "<"): move(to: .level)
    case .level: move(to: afterLevelByte(byte))
    case .lineStart where byte == UInt8(ascii: "["), .afterLevel where byte == UInt8(ascii: "["),
      .afterStamp where byte == UInt8(ascii: "["):
      move(to: .stamp)
    case .stamp: move(to: afterStampByte(byte))
    case .afterStamp where byte == UInt8(ascii: " "): break
    case .lineStart, .afterLevel, .afterStamp, .text: return match(byte)
    case .elsewhere: break
    }
    return false
  }

  private mutating func move(to next: Position) {
    position = next
    matched = 0
  }

  private func afterLevelByte(_ byte: UInt8) -> Position {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): .level
    case UInt8(ascii: ">"): .afterLevel
    default: .elsewhere
    }
  }

  private func afterStampByte(_ byte: UInt8) -> Position {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: " "), UInt8(ascii: "."), UInt8(ascii: "T"),
      UInt8(ascii: "C"):
      .stamp
    case UInt8(ascii: "]"): .afterStamp
    default: .elsewhere
    }
  }

  private mutating func match(_ byte: UInt8) -> Bool {
    guard byte == Self.text[Int(matched)] else {
      move(to: .elsewhere)
      return false
    }
    position = .text
    matched += 1
    guard matched == Self.text.count else { return false }
    move(to: .elsewhere)
    defer { reported = true }
    return !reported
  }
}
