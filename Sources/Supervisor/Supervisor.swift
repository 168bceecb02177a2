import Control
import DeviceBus
import Machine
import Sandbox
import System

/// One machine: its processes, what they share, and the loop that watches them.
///
/// Single-threaded. It never reads a byte that the guest wrote: what comes in are set-up messages, log lines (both
/// untrusted), signals and requests of people.
final class Supervisor {
  enum Phase {
    case starting
    case running
    /// A person paused it.
    case paused
    /// `outcome` is decided; the console is being written out.
    case ending

    var word: StaticString {
      switch self {
      case .starting: "starting"
      case .running: "running"
      case .paused: "paused"
      case .ending: "ending"
      }
    }
  }

  let machine: MachineDescription
  let options: Options
  let files: MachineFiles
  let kvm: KVMAccess
  let sandbox: Sandbox
  let signals: SignalDescriptor
  let control: ControlServer
  let terminalModes: TerminalModes
  let children: [Child]
  /// The virtio functions; slot = index + 1.
  let functions: [Function]
  let startedAt = Clock.monotonic
  /// The shared memory of the running machine; replaced by a reset.
  var memory: MachineMemory
  let console: ConsoleLink
  var phase = Phase.starting
  var outcome: Ending?
  /// Registers to show once the terminal is a person's again.
  var report: [String] = []
  /// When an ending machine no longer waits for its terminal.
  var endDeadline: Int64?
  var boot: BootEntry?
  var resets = 0
  /// The power device asked for a reset: done between two rounds of the loop.
  var resetRequested = false
  var status = StatusQuery()
  /// Who waits for `Paused`.
  var pauseClients: [Int] = []
  /// When it is no longer waited for.
  var pauseDeadline: Int64?
  /// The guest panicked: when it has had its time to say why; once it is being stopped, when its registers are no longer
  /// waited for.
  var panicDeadline: Int64?
  var panicStopping = false
  var vmmCounters = MachineCounters()
  /// What runs the vCPUs, once the VMM has said so.
  var hypervisor: HypervisorKind?
  /// What a person is told when the guest begins to run.
  var announcement: String?
  var ownLog = LogRing()

  init(
    _ machine: MachineDescription, _ options: Options, _ files: MachineFiles, kvm: KVMAccess, control: ControlServer,
    signals: consuming SignalDescriptor, terminalModes: TerminalModes
  ) throws(Ending) {
    self.machine = machine
    self.options = options
    self.files = files
    self.kvm = kvm
    self.control = control
    self.signals = signals
    self.terminalModes = terminalModes
    sandbox = Sandbox(!options.sandboxed ? .none : options.sandboxLog ? .logged : .enforced)
    var children: [Child] = []
    for (role, program) in files.programs { children.append(Child(role, program)) }
    self.children = children
    functions = files.functions
    do {
      memory = try MachineMemory(machine)
      console = try ConsoleLink()
    } catch { throw Ending(host: "making shared memory", error) }
  }

  /// The child of a role that exists once.
  func child(_ name: String) -> Child? { children.first { same($0.role.name, name) } }
  var vmm: Child? { child("vmm") }

  // MARK: the loop

  /// Starts the machine, runs it to its end and leaves nothing behind.
  func run() -> Ending {
    do { try start() } catch { end(error) }
    while !isOver {
      do { try round() } catch { end(error) }
    }
    tearDown()
    return outcome ?? Ending(.poweredOff)
  }

  /// The machine has an outcome, and the terminal has written everything or had its time.
  private var isOver: Bool {
    guard phase == .ending else { return false }
    guard let terminal = child("terminal"), terminal.current != nil, let endDeadline else { return true }
    return Clock.monotonic >= endDeadline
  }

  private func round() throws(Ending) {
    let watched = watchList()
    let entries = watched.map { (descriptor: $0.descriptor, events: $0.events) }
    let now = Clock.monotonic
    let wait = nextDeadline(now).map { max(0, $0 - now) }
    let ready: [Int16]
    do throws(SystemError) { ready = try Poll.wait(entries, nanoseconds: wait) } catch {
      throw Ending(host: "waiting for events", error)
    }
    for (index, watch) in watched.enumerated() where ready[index] != 0 { try dispatch(watch, ready[index]) }
    try handleDeadlines()
    // A guest that panics may ask for a reset at once: the panic's registers come first, and the panic is the end.
    if resetRequested, phase != .ending, panicDeadline == nil { try reset() }
  }

  // MARK: what is watched

  /// One descriptor of the loop and whose it is.
  struct Watch {
    enum Source {
      case signals
      case listener
      case client(Int)
      case messages(Child, Incarnation)
      case log(Child, Incarnation)
      case exit(Child, Incarnation)
    }
    let source: Source
    let descriptor: Int32
    let events: Int16
  }

  private func watchList() -> [Watch] {
    var list = [Watch(source: .signals, descriptor: signals.descriptor.raw, events: Poll.input)]
    if let listener = control.listenerDescriptor {
      list.append(Watch(source: .listener, descriptor: listener, events: Poll.input))
    }
    for client in control.clients {
      list.append(Watch(source: .client(client.id), descriptor: client.raw, events: client.events))
    }
    let now = Clock.monotonic
    for child in children { if let current = child.current { list += watches(child, current, now) } }
    return list
  }

  private func watches(_ child: Child, _ current: Incarnation, _ now: Int64) -> [Watch] {
    var list: [Watch] = []
    func add(_ source: Watch.Source, _ descriptor: Int32) {
      list.append(Watch(source: source, descriptor: descriptor, events: Poll.input))
    }
    // Messages and log lines first: a process' last words explain its end.
    if !current.channelClosed { add(.messages(child, current), current.channel.raw) }
    if !current.logClosed, current.logPause(at: now) == nil { add(.log(child, current), current.log.raw) }
    add(.exit(child, current), current.process.descriptor.raw)
    return list
  }

  private func dispatch(_ watch: Watch, _ ready: Int16) throws(Ending) {
    switch watch.source {
    case .signals: handleSignals()
    case .listener: control.accept()
    case .client(let id): handleClient(id, ready)
    case .messages(let child, let incarnation):
      if child.current === incarnation { try readMessages(child, incarnation) }
    case .log(let child, let incarnation): readLog(child, incarnation)
    case .exit(let child, let incarnation):
      if child.current === incarnation { try handleExit(child, incarnation) }
    }
  }

  // MARK: deadlines

  /// Nanoseconds that a process may take from its start until it is ready, the loader until the guest is loaded.
  static var startPatience: Int64 { 60_000_000_000 }
  /// Nanoseconds until a pause is given up.
  static var pausePatience: Int64 { 5_000_000_000 }

  private func nextDeadline(_ now: Int64) -> Int64? {
    var all: [Int64] = []
    for child in children {
      if phase != .ending, let at = child.restartAt ?? readyBy(child) { all.append(at) }
      if let at = child.current?.logPause(at: now) { all.append(at) }
      if let at = child.current?.killAt { all.append(at) }
    }
    if phase != .ending { for function in functions { if let at = nextDeadline(function) { all.append(at) } } }
    for at in [endDeadline, status.deadline, panicDeadline, pauseDeadline] { if let at { all.append(at) } }
    return all.min()
  }

  /// Until when a process that starts must be ready.
  private func readyBy(_ child: Child) -> Int64? {
    guard child.state == .starting, let current = child.current else { return nil }
    return current.spawnedAt + Supervisor.startPatience
  }

  private func handleDeadlines() throws(Ending) {
    let now = Clock.monotonic
    for child in children {
      guard let current = child.current, let at = current.killAt, now >= at else { continue }
      current.killAt = nil
      current.process.kill()
    }
    if let at = status.deadline, now >= at { answerStatus() }
    if let at = panicDeadline, now >= at { panicTimePassed() }
    guard phase != .ending else { return }
    if let at = pauseDeadline, now >= at { abandonPause() }
    for child in children {
      if let at = child.restartAt, now >= at { try restart(child) }
      if let at = readyBy(child), now >= at { try overdue(child) }
    }
    for function in functions { try handleDeadlines(function, now) }
  }

  /// A process hangs in its start: the guest cannot wait for it. Killed in a running machine, its restart is tried again.
  private func overdue(_ child: Child) throws(Ending) {
    let sentence = "\(child.role.name) was not ready within \(Supervisor.startPatience / 1_000_000_000) seconds"
    guard phase != .starting else { throw Ending(.processLost, sentence) }
    note(sentence)
    child.current?.process.kill()
  }

  private func handleSignals() {
    while let number = signals.next() {
      // SIGPIPE is only blocked so that a closed standard error does not end the machine.
      if number == 13 { continue }
      end(Ending(signal: number), grace: 0)
    }
  }

  // MARK: telling people

  /// Keeps a line of the supervisor's own log, and shows it if everything is to be shown.
  func note(_ text: String) {
    let line = ownLog.add(text, at: Clock.realtime)
    publish([line], of: "supervisor")
  }

  /// Hands log lines to the clients that follow, and to standard error with --verbose.
  func publish(_ lines: [LogRing.Line], of name: String) {
    for line in lines {
      if options.verbose { Log.line("[\(name)] \(line.text)") }
      control.follow(LogLine(process: name, time: line.time, text: line.text))
    }
  }
}
