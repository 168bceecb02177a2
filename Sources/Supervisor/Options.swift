import Control
import System

/// The supervisor's command line.
struct Options {
  /// Where the machine description comes from.
  enum Source {
    case file(String)
    case descriptor(Int32)
  }

  var source: Source
  /// Path of the control socket; nil: $XDG_RUNTIME_DIR/atoll/NAME.sock.
  var control: String?
  var sandboxed = true
  var sandboxLog = false
  /// Lines of all logs appear on standard error too.
  var verbose = false

  static let usage = """
    usage: atoll-supervisor --machine FILE | --machine-fd N [--control PATH] [--verbose]
                            [--sandbox-log] [--insecure-no-sandbox]
    """

  /// Reads the arguments, the program's name not among them.
  init(_ arguments: [[UInt8]]) throws(Ending) {
    var source: Source?
    var control: String?
    var flags: (insecure: Bool, log: Bool, verbose: Bool) = (false, false, false)
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if same(argument, "--insecure-no-sandbox") {
        flags.insecure = true
      } else if same(argument, "--sandbox-log") {
        flags.log = true
      } else if same(argument, "--verbose") {
        flags.verbose = true
      } else if same(argument, "--machine"), let value = rest.popFirst() {
        source = .file(String(decoding: value, as: UTF8.self))
      } else if same(argument, "--machine-fd"), let value = rest.popFirst(), let number = Options.number(value) {
        source = .descriptor(number)
      } else if same(argument, "--control"), let value = rest.popFirst() {
        control = String(decoding: value, as: UTF8.self)
      } else {
        throw Ending(.badInput, Options.usage)
      }
    }
    guard let source else { throw Ending(.badInput, Options.usage) }
    self.source = source
    self.control = control
    (sandboxed, sandboxLog, verbose) = (!flags.insecure, flags.log, flags.verbose)
  }

  private static func number(_ text: [UInt8]) -> Int32? {
    guard (1...4).contains(text.count), text.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    return text.reduce(0) { $0 * 10 + Int32($1 - 0x30) }
  }
}
