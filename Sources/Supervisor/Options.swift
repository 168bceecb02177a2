import Control
import System

/// How a machine is started.
struct Options {
  /// Where the machine description comes from.
  enum Source {
    /// A path; "-": standard input.
    case file(String)
    case descriptor(Int32)

    /// What a person calls it.
    var path: String? {
      if case .file(let path) = self { return path }
      return nil
    }
  }

  var source: Source
  /// In the place of the description's.
  var name: String?
  var hypervisor: HypervisorChoice?
  /// Path of the control socket; nil: $XDG_RUNTIME_DIR/atoll/NAME.sock.
  var control: String?
  var sandboxed = true
  var sandboxLog = false
  /// Lines of all logs appear on standard error too.
  var verbose = false

  /// Reads the arguments, the program's name not among them.
  init(_ arguments: [[UInt8]]) throws(Ending) {
    var words = Words(arguments)
    var source: Source?
    while let option = words.next() {
      if same(option, "--insecure-no-sandbox") {
        sandboxed = false
      } else if same(option, "--sandbox-log") {
        sandboxLog = true
      } else if same(option, "--verbose") {
        verbose = true
      } else if same(option, "--machine") {
        source = .file(try words.value())
      } else if same(option, "--machine-fd") {
        source = .descriptor(try Options.descriptor(try words.value()))
      } else if same(option, "--name") {
        name = try words.value()
      } else if same(option, "--hypervisor") {
        hypervisor = try Options.hypervisor(try words.value())
      } else if same(option, "--control") {
        control = try words.value()
      } else {
        throw Invocation.misuse
      }
    }
    guard let source else { throw Invocation.misuse }
    self.source = source
  }

  /// Not 0 to 2, which are the machine's terminal and log.
  private static func descriptor(_ text: String) throws(Ending) -> Int32 {
    let digits = text.utf8
    guard (1...4).contains(digits.count), digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
      throw Invocation.misuse
    }
    let number = digits.reduce(0) { $0 * 10 + Int32($1 - 0x30) }
    guard number > 2 else { throw Invocation.misuse }
    return number
  }

  private static func hypervisor(_ word: String) throws(Ending) -> HypervisorChoice {
    for choice in HypervisorChoice.allCases where same(choice.word.text, word) { return choice }
    throw Invocation.misuse
  }
}

/// Arguments, taken one after the other.
struct Words {
  private var rest: ArraySlice<[UInt8]>

  init(_ arguments: [[UInt8]]) { rest = arguments[...] }

  /// The next; nil behind the last.
  mutating func next() -> [UInt8]? { rest.popFirst() }

  /// The value of the option that was just taken.
  mutating func value() throws(Ending) -> String {
    guard let word = rest.popFirst() else { throw Invocation.misuse }
    return String(decoding: word, as: UTF8.self)
  }
}
