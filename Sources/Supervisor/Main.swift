import CSystem
import Control
import Machine
import System

/// atoll-supervisor: starts, watches and restarts the processes of one machine, or asks one that runs.
@main
struct Main {
  static func main() {
    let ending = run()
    if let sentence = ending.sentence { Log.line("atoll: \(sentence)") }
    Process.exit(ending.status)
  }

  private static func run() -> Ending {
    do throws(Ending) {
      switch try Invocation(Array(try Host.arguments().dropFirst())) {
      case .help: Asking.print([UInt8](Invocation.manual.utf8))
      case .run(let options): return try supervise(options)
      case .request(let request, .path(let path)): try Asking.ask(request, at: path)
      case .request(let request, .name(let name)):
        try Asking.ask(request, at: "\(try Host.controlFolder())/\(name).sock")
      }
      return Ending(.poweredOff)
    } catch { return error }
  }

  private static func supervise(_ options: Options) throws(Ending) -> Ending {
    _ = atoll_prepare_supervisor()
    let signals: SignalDescriptor
    // HUP, INT, QUIT, TERM; PIPE so that a closed standard error is no end.
    do { signals = try SignalDescriptor([1, 2, 3, 15, 13]) } catch { throw Ending(host: "watching signals", error) }
    let modes = TerminalModes()
    let machine = try description(options)
    let files = try MachineFiles(machine)
    let kvm = try KVMAccess(machine.hypervisor)
    if !options.sandboxed {
      Log.line("atoll: WARNING: no sandbox: a guest that breaks out of a device owns this user's account")
    }
    let path = try controlPath(options, machine)
    let control = try ControlServer(path: path, machine: machine.name)
    defer { control.close() }
    return try Supervisor(machine, options, files, kvm: kvm, control: control, signals: signals, terminalModes: modes)
      .run()
  }

  private static func controlPath(_ options: Options, _ machine: MachineDescription) throws(Ending) -> String {
    if let path = options.control { return path }
    return "\(try Host.controlFolder())/\(machine.name).sock"
  }

  /// Reads the machine description and holds it against this host.
  private static func description(_ options: Options) throws(Ending) -> MachineDescription {
    let text: [UInt8]
    do throws(SystemError) { text = try Host.read(try open(options.source), limit: 64 << 10) } catch {
      let what = options.source.path.map { " " + printable($0) } ?? ""
      throw Ending(.badInput, "the machine description\(what) cannot be read: \(Errno.text(error.number))")
    }
    guard text.count <= 64 << 10 else { throw Ending(.badInput, "the machine description has more than 64 KiB") }
    var machine: MachineDescription
    do throws(MachineDescriptionError) {
      machine = try MachineDescription.parse(text)
      if let name = options.name { machine.name = name }
      if let hypervisor = options.hypervisor { machine.hypervisor = hypervisor }
      try machine.check()
    } catch { throw Ending(.badInput, error.sentence) }
    try check(machine)
    return machine
  }

  private static func open(_ source: Options.Source) throws(SystemError) -> FileDescriptor {
    switch source {
    case .file(let path) where same(path, "-"):
      return FileDescriptor(owning: try SystemError.check("dup", atoll_dup(0)))
    case .file(let path): return try FileDescriptor.open(path, flags: 0)
    case .descriptor(let number): return FileDescriptor(owning: number)
    }
  }

  private static func check(_ machine: MachineDescription) throws(Ending) {
    let host = Host.memory
    if machine.memory > host {
      throw Ending(
        .badInput, "the guest cannot have \(machine.memory >> 20) MiB of RAM: the host has \(host >> 20) MiB")
    }
    if machine.firmware != nil, machine.memory < 512 << 20 {
      throw Ending(.badInput, "a guest with firmware needs 512 MiB of RAM")
    }
  }
}
