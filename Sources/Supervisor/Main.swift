import CSystem
import Control
import Machine
import System

/// atoll-supervisor: starts, watches and restarts the processes of one machine.
@main
struct Main {
  static func main() {
    let ending = run()
    if let sentence = ending.sentence { Log.line("atoll: \(sentence)") }
    Process.exit(ending.status)
  }

  private static func run() -> Ending {
    do throws(Ending) { return try supervise() } catch { return error }
  }

  private static func supervise() throws(Ending) -> Ending {
    _ = atoll_prepare_supervisor()
    let arguments = try Host.arguments()
    let options = try Options(Array(arguments.dropFirst()))
    let signals: SignalDescriptor
    // HUP, INT, QUIT, TERM; PIPE so that a closed standard error is no end.
    do { signals = try SignalDescriptor([1, 2, 3, 15, 13]) } catch { throw Ending(host: "watching signals", error) }
    let modes = TerminalModes()
    let machine = try description(options)
    let files = try MachineFiles(machine)
    if !options.sandboxed {
      Log.line("atoll: WARNING: no sandbox: a guest that breaks out of a device owns this user's account")
    }
    let path = try controlPath(options, machine)
    let control = try ControlServer(path: path, machine: machine.name)
    defer { control.close() }
    return try Supervisor(machine, options, files, control: control, signals: signals, terminalModes: modes).run()
  }

  private static func controlPath(_ options: Options, _ machine: MachineDescription) throws(Ending) -> String {
    if let path = options.control { return path }
    return "\(try Host.controlFolder())/\(machine.name).sock"
  }

  /// Reads the machine description and holds it against this host.
  private static func description(_ options: Options) throws(Ending) -> MachineDescription {
    let text: [UInt8]
    do throws(SystemError) { text = try Host.read(try open(options.source), limit: 64 << 10) } catch {
      throw Ending(.badInput, "the machine description cannot be read: \(Errno.text(error.number))")
    }
    guard text.count <= 64 << 10 else { throw Ending(.badInput, "the machine description has more than 64 KiB") }
    let machine: MachineDescription
    do { machine = try MachineDescription.parse(text) } catch { throw Ending(.badInput, error.sentence) }
    try check(machine)
    return machine
  }

  private static func open(_ source: Options.Source) throws(SystemError) -> FileDescriptor {
    switch source {
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
    if machine.hypervisor == .kvm {
      throw Ending(.badInput, "KVM is not available yet: use the software hypervisor (\"soft\" or \"auto\")")
    }
  }
}
