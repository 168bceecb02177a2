import ArgumentParser

/// "first,flag,key=value": what an option of `atoll run` says about one device. Each part is taken by whoever knows its name;
/// what nobody took is an error.
struct OptionList {
  private let option: String
  private var parts: [Substring]

  /// The text of `option`, such as "--disk".
  init(_ text: String, of option: String) {
    self.option = option
    parts = text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false)
  }

  /// The first part, which has no name.
  mutating func first(_ what: String) throws -> String {
    guard let first = parts.first, !first.isEmpty else { throw CommandFailure("\(option) needs \(what)") }
    parts.removeFirst()
    return String(first)
  }

  /// Whether a word is there.
  mutating func flag(_ name: String) -> Bool {
    guard let index = parts.firstIndex(where: { $0 == name }) else { return false }
    parts.remove(at: index)
    return true
  }

  /// The value of "name=value".
  mutating func value(_ name: String) throws -> String? {
    guard let index = parts.firstIndex(where: { $0.hasPrefix(name + "=") }) else { return nil }
    let value = parts.remove(at: index).dropFirst(name.count + 1)
    guard !value.isEmpty else { throw CommandFailure("\(option): \(name)= needs a value") }
    return String(value)
  }

  /// Every value of "name=value", in order.
  mutating func values(_ name: String) throws -> [String] {
    var all: [String] = []
    while let value = try value(name) { all.append(value) }
    return all
  }

  /// The value of "name=value" that must be there.
  mutating func required(_ name: String) throws -> String {
    guard let value = try value(name) else { throw CommandFailure("\(option) needs \(name)=…") }
    return value
  }

  /// A number in `range`.
  mutating func number(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
    guard let text = try value(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw CommandFailure("\(option): \(name)=\(text) is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// Throws if a part is left.
  func finish() throws {
    guard let rest = parts.first else { return }
    throw CommandFailure(rest.isEmpty ? "\(option) has an empty part" : "\(option) does not know “\(rest)”")
  }
}
