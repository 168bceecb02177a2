/// Why a device of a machine description is refused; `sentence` says it in words.
public enum DeviceDescriptionError: Error, Sendable {
  /// Not a JSON object.
  case notAnObject
  /// A member that this type of device does not have.
  case unknownMember(String)
  /// A member that it needs is missing.
  case missing(StaticString)
  /// A member of another type than it must have, or out of its range.
  case wrong(StaticString, needs: StaticString)
  /// A word that is not among the choices.
  case unknownWord(StaticString, String)
  /// Two members that exclude each other, or one that needs another.
  case contradiction(StaticString)

  /// One sentence for a person.
  public var sentence: String {
    switch self {
    case .notAnObject: "a device must be a JSON object"
    case .unknownMember(let key): "this type of device has no member called \"\(printable(key))\""
    case .missing(let key): "it needs a member called \"\(key.ascii)\""
    case .wrong(let key, let needs): "\"\(key.ascii)\" must be \(needs.ascii)"
    case .unknownWord(let key, let word): "there is no \(key.ascii) called \"\(printable(word))\""
    case .contradiction(let what): what.ascii
    }
  }
}

/// Reads the members of one JSON object with the errors of a device description.
struct DeviceFields {
  private let node: JSONNode

  /// The object, which may have these members and no others.
  init(_ node: JSONNode, _ members: [StaticString]) throws(DeviceDescriptionError) {
    guard node.isObject else { throw .notAnObject }
    if let key = node.keyOutside(members) { throw .unknownMember(key) }
    self.node = node
  }

  /// A string that must be there and not be empty.
  func text(_ key: StaticString) throws(DeviceDescriptionError) -> String {
    guard let text = try optionalText(key) else { throw .missing(key) }
    return text
  }

  /// A string that is not empty; nil if it is not there. No string of a description can hold a zero byte.
  func optionalText(_ key: StaticString) throws(DeviceDescriptionError) -> String? {
    guard let member = node.member(key) else { return nil }
    guard let text = member.string, !text.utf8.isEmpty, text.utf8.count <= 4096, !text.utf8.contains(0) else {
      throw .wrong(key, needs: "a string of 1 to 4096 bytes")
    }
    return text
  }

  /// A list of strings; empty if it is not there.
  func texts(_ key: StaticString, limit: Int, needs: StaticString) throws(DeviceDescriptionError) -> [String] {
    let elements = try nodes(key, needs: needs)
    let texts = elements.compactMap { $0.string }
    guard texts.count == elements.count, texts.count <= limit else { throw .wrong(key, needs: needs) }
    return texts
  }

  /// The elements of a list; none if it is not there.
  func nodes(_ key: StaticString, needs: StaticString) throws(DeviceDescriptionError) -> [JSONNode] {
    guard let member = node.member(key) else { return [] }
    guard member.isArray else { throw .wrong(key, needs: needs) }
    return member.elements
  }

  /// True or false; false if it is not there.
  func flag(_ key: StaticString) throws(DeviceDescriptionError) -> Bool {
    guard let member = node.member(key) else { return false }
    guard let value = member.bool else { throw .wrong(key, needs: "true or false") }
    return value
  }

  /// A whole number in `range`; nil if it is not there.
  func number(
    _ key: StaticString, _ range: ClosedRange<Int>, needs: StaticString
  ) throws(DeviceDescriptionError) -> Int? {
    guard let member = node.member(key) else { return nil }
    guard let value = member.integer, range.contains(value) else { throw .wrong(key, needs: needs) }
    return value
  }

  /// The choice that a word names; nil if it is not there.
  func choice<T>(
    _ key: StaticString, _ all: [T], _ word: (T) -> StaticString
  ) throws(DeviceDescriptionError) -> T? {
    guard let member = node.member(key) else { return nil }
    guard let known = all.first(where: { member.isString(word($0)) }) else {
      throw .unknownWord(key, member.string ?? "")
    }
    return known
  }
}
