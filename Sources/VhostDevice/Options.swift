import CSystem
import System

/// A command line that cannot be obeyed.
public struct UsageError: Error, Sendable {
  /// What is wrong with it, as one sentence without a full stop.
  public let sentence: String
  public init(_ sentence: String) { self.sentence = sentence }
}

/// The options of a back-end program, each taken once by whoever knows its name: first the runtime, then the device. What
/// nobody took is an error. A value follows its name after "=" or as the next argument.
public struct Options {
  private var arguments: [[UInt8]]

  /// These arguments, without the program's name.
  public init(_ arguments: [String]) { self.arguments = arguments.map { Array($0.utf8) } }

  /// Those of this process.
  static func ofProcess() -> Options {
    var all: [String] = []
    while let argument = atoll_argument(Int32(all.count + 1)) { all.append(String(cString: argument)) }
    return Options(all)
  }

  /// Whether `name` ("--read-only") is given; it has no value.
  public mutating func flag(_ name: StaticString) -> Bool {
    guard let index = arguments.firstIndex(where: { Options.isEqual($0, name) }) else { return false }
    arguments.remove(at: index)
    return true
  }

  /// The value of `name` ("--blk-file"), nil if it is not given.
  public mutating func value(_ name: StaticString) throws(UsageError) -> String? {
    for index in arguments.indices where Options.starts(arguments[index], with: name) {
      return try take(at: index, name)
    }
    return nil
  }

  /// Every value of `name`, in the order given.
  public mutating func values(_ name: StaticString) throws(UsageError) -> [String] {
    var all: [String] = []
    while let next = try value(name) { all.append(next) }
    return all
  }

  /// The value of `name` as a decimal number in `range`.
  public mutating func number(_ name: StaticString, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
    guard let text = try value(name) else { return nil }
    guard let number = Options.decimal(text), range.contains(number) else {
      throw UsageError("\(name.text)=\(text) is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// The value of `name` as descriptors that this process was started with: "4,5,6".
  public mutating func descriptors(_ name: StaticString, count: ClosedRange<Int>) throws(UsageError) -> [Int32]? {
    guard let text = try value(name) else { return nil }
    var numbers: [Int32] = []
    for part in Array(text.utf8).split(separator: 0x2c, omittingEmptySubsequences: false) {
      guard let number = Options.decimal(String(decoding: part, as: UTF8.self)), (0...65535).contains(number) else {
        throw UsageError("\(name.text)=\(text) is not a list of descriptors")
      }
      numbers.append(Int32(number))
    }
    guard count.contains(numbers.count) else {
      throw UsageError("\(name.text)=\(text) has \(numbers.count) descriptors, which is not what it takes")
    }
    return numbers
  }

  /// Throws if an argument was taken by nobody.
  func requireEmpty() throws(UsageError) {
    guard let first = arguments.first else { return }
    throw UsageError("“\(String(decoding: first, as: UTF8.self))” is not an option of this program")
  }

  private mutating func take(at index: Int, _ name: StaticString) throws(UsageError) -> String {
    let length = name.utf8CodeUnitCount
    if arguments[index].count > length {
      return String(decoding: arguments.remove(at: index).dropFirst(length + 1), as: UTF8.self)
    }
    guard index + 1 < arguments.count else { throw UsageError("\(name.text) needs a value") }
    arguments.remove(at: index)
    return String(decoding: arguments.remove(at: index), as: UTF8.self)
  }

  private static func isEqual(_ argument: [UInt8], _ name: StaticString) -> Bool {
    argument.count == name.utf8CodeUnitCount && starts(argument, with: name)
  }

  /// `name` itself, or `name` and "=".
  private static func starts(_ argument: [UInt8], with name: StaticString) -> Bool {
    let length = name.utf8CodeUnitCount
    guard argument.count >= length, argument.count == length || argument[length] == 0x3d else { return false }
    for i in 0..<length where argument[i] != name.utf8Start[i] { return false }
    return true
  }

  private static func decimal(_ text: String) -> Int? {
    var number = 0
    guard !text.utf8.isEmpty, text.utf8.count <= 18 else { return nil }
    for byte in text.utf8 {
      guard (0x30...0x39).contains(byte) else { return nil }
      number = number * 10 + Int(byte - 0x30)
    }
    return number
  }
}
