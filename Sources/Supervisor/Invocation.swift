import Control
import System

/// What the command line asks for.
enum Invocation {
  case help
  /// To run a machine.
  case run(Options)
  /// To ask a running one.
  case request(ControlRequest, Socket)

  /// Which running machine.
  enum Socket {
    case name(String)
    case path(String)
  }

  /// Reads the arguments, the program's name not among them.
  init(_ arguments: [[UInt8]]) throws(Ending) {
    if arguments.contains(where: { same($0, "--help") }) {
      self = .help
    } else if arguments.contains(where: { same($0, "--request") }) {
      self = try Invocation.request(arguments)
    } else {
      self = .run(try Options(arguments))
    }
  }

  /// The end of a program that was called wrongly.
  static var misuse: Ending { Ending(.badInput, usage) }

  static let usage = """
    usage: atoll-supervisor --machine FILE [--name NAME] [--hypervisor auto|kvm|soft] [--control PATH] [--verbose]
                            [--sandbox-log] [--insecure-no-sandbox]
           atoll-supervisor --request REQUEST [--name NAME | --control PATH]
           atoll-supervisor --help
    """

  /// What --help prints.
  static var manual: String {
    usage + """


      Runs the machine that a JSON document describes, with its console on this terminal: Ctrl-A x ends it, Ctrl-A h
      helps. FILE is a path, or - for standard input; --machine-fd N stands for an open file. --name and --hypervisor
      go before what the document says.

      --request asks a running machine (of the name guest if none is given, or of a control socket) and prints its
      answer: status, map, logs, logs=PROCESS, restart=PROCESS, pause, resume, powerButton, shutdown.

      Exit status: 0 the guest switched off, 1 unusable input, 2 the guest's kernel panicked, 3 a CPU cannot continue,
      4 a process could not be kept alive, 5 no sandbox on this host, 6 the host ran out of something, 128 + n signal n
      (Ctrl-A x counts as an interrupt).
      """
  }

  // MARK: requests

  private static func request(_ arguments: [[UInt8]]) throws(Ending) -> Invocation {
    var words = Words(arguments)
    var request: ControlRequest?
    var socket = Socket.name(MachineDescription().name)
    while let option = words.next() {
      if same(option, "--request"), request == nil {
        request = try read(try words.value())
      } else if same(option, "--name") {
        socket = .name(try words.value())
      } else if same(option, "--control") {
        socket = .path(try words.value())
      } else {
        throw misuse
      }
    }
    guard let request else { throw misuse }
    if case .name(let name) = socket, !MachineDescription.isName(name) {
      throw Ending(.badInput, MachineDescriptionError.badName.sentence)
    }
    return .request(request, socket)
  }

  /// "status", "restart=serial".
  private static func read(_ text: String) throws(Ending) -> ControlRequest {
    let bytes = Array(text.utf8)
    let equals = bytes.firstIndex(of: 0x3d)
    let word = String(decoding: bytes[..<(equals ?? bytes.count)], as: UTF8.self)
    let name = equals.map { String(decoding: bytes[($0 + 1)...], as: UTF8.self) }
    if let name {
      if same(word, "restart") { return .restart(name: name) }
      if same(word, "logs") { return .logs(name: name, follow: false) }
    } else {
      if same(word, "logs") { return .logs(name: nil, follow: false) }
      if let plain = ControlRequest.plain(word) { return plain }
    }
    throw Ending(.badInput, "there is no request \"\(printable(text))\"; --help lists them")
  }
}
