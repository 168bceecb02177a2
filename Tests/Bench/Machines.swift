import Control
import Foundation
import System

/// A guest with a shell on its serial console, run by Atoll or by QEMU.
class Machine {
  /// What the guest's init prints when user land is up, and the shell's prompt.
  static let marker = "atoll: the guest is up"
  static let prompt = "# "

  let session: Session
  /// Monotonic time at which the guest's first instruction could run.
  fileprivate(set) var enteredAt: Int64 = 0
  /// When the shell's first prompt came.
  private(set) var promptAt: Int64 = 0
  private var position = 0
  private var commands = 0

  fileprivate init(_ session: Session) { self.session = session }

  /// When the kernel's first byte came.
  var firstByteAt: Int64 { session.arrivals.first?.time ?? 0 }

  /// Waits for the shell's first prompt.
  func waitForPrompt(seconds: Double = 120) throws {
    let up = try session.wait(for: Self.marker, seconds: seconds, "waiting for the guest's user land")
    position = try session.wait(for: Self.prompt, from: up, seconds: 30, "waiting for the shell's prompt")
    promptAt = Clock.monotonic
  }

  /// Runs a line in the guest's shell; returns what it printed.
  @discardableResult
  func shell(_ line: String, seconds: Double = 60) throws -> String {
    commands += 1
    // The echo of the line holds the sum unevaluated.
    session.send("\(line); echo \"=$((\(commands)+0))\"=done\n")
    let start = position
    position = try session.wait(
      for: "=\(commands)=done", from: start, seconds: seconds, "running `\(line)` in the guest")
    return String(decoding: session.output[start..<position], as: UTF8.self)
  }

  /// All processes that run the machine.
  var processes: [Int32] { [session.pid] + ProcessFigures.descendants(of: session.pid) }

  func end() { session.end() }
}

/// A machine of Atoll's, as `atoll run` starts it.
final class AtollMachine: Machine {
  private let control: String

  /// Starts it; `kernel` nil is a bare-metal ELF's case with its path in `setup.kernel`.
  /// `more` are further options of `atoll run`, `programs` a folder other than the usual one.
  init(_ setup: Setup, kernel: String? = nil, initrd: String? = nil, programs: String? = nil, more: [String] = []) throws {
    control = "\(setup.folder)/control-\(UUID().uuidString.prefix(8))"
    var arguments = [setup.atoll, "run", "--name", "bench-\(getpid())", "--control", control, "--verbose"]
    if let programs = programs ?? setup.programs { arguments += ["--programs", programs] }
    arguments += ["--kernel", kernel ?? setup.kernel, "--memory", "\(Setup.memory)", "--initrd", initrd ?? ""] + more
    super.init(try Session(arguments, signals: setup.signals, errorMark: "the guest runs"))
  }

  override var firstByteAt: Int64 { super.firstByteAt }

  override func waitForPrompt(seconds: Double = 120) throws {
    try super.waitForPrompt(seconds: seconds)
    enteredAt = session.errorMarkAt ?? session.startedAt
  }

  /// The supervisor's `status`.
  func status() throws -> MachineStatus {
    let connection = try ControlConnection(control)
    guard case .status(let status) = try connection.ask(.status) else {
      throw BenchFailure("the status makes no sense")
    }
    return status
  }

  /// Has the supervisor restart a process; returns when it is in service again.
  func restart(_ name: String) throws {
    guard case .done = try ControlConnection(control).ask(.restart(name: name)) else {
      throw BenchFailure("\(name) could not be restarted")
    }
  }
}

/// A machine of QEMU's: `virt` with the vCPU of Debian's ports, started from the same memory image.
final class PeerMachine: Machine {
  /// Starts QEMU halted, waits until it is set up, then lets the vCPU go.
  /// With `more`, guest RAM is memory that a vhost-user back-end can share.
  init(_ setup: Setup, image: String, goes: Bool = true, more: [String] = []) throws {
    guard let qemu = setup.qemu else { throw BenchFailure(Setup.noPeer) }
    let socket = "\(setup.folder)/qmp-\(UUID().uuidString.prefix(8))"
    // Atoll's high RAM starts at 0x90000000, QEMU's at 0x80000000: 256 MiB more cover the same addresses.
    let memory = "\((Setup.memory >> 20) + 256)M"
    let shared = ["-object", "memory-backend-memfd,id=ram,size=\(memory),share=on", "-machine", "virt,memory-backend=ram"]
    let arguments = [qemu] + (more.isEmpty ? ["-machine", "virt"] : shared) + [
      "-cpu", "la464", "-smp", "1", "-m", memory, "-display", "none", "-serial", "stdio",
      "-monitor", "none", "-net", "none", "-no-reboot", "-S", "-qmp", "unix:\(socket),server=on,wait=off",
      "-device", "loader,file=\(image),cpu-num=0",
    ] + more
    super.init(try Session(arguments, signals: setup.signals))
    let connection = try greet(socket)
    if goes {
      enteredAt = Clock.monotonic
      try connection.command("cont")
    }
  }

  private func greet(_ socket: String) throws -> QMPConnection {
    let deadline = Clock.monotonic + 20_000_000_000
    while Clock.monotonic < deadline {
      if let connection = try? QMPConnection(socket) { return connection }
      try session.pump(until: Clock.monotonic + 10_000_000)
      guard !session.outputClosed else { throw BenchFailure("QEMU ended\(session.lastWords)") }
    }
    throw BenchFailure("QEMU did not open its control socket")
  }
}
