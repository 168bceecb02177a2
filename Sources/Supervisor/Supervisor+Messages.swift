import Sandbox
import Control
import DeviceBus
import Machine
import System

// What processes say over their set-up sockets. All of it is untrusted: a message that is malformed, or that this process
// has no business to send, ends its sender.
extension Supervisor {
  /// Messages of one process that are handled before others get their turn.
  private static var messagesPerRound: Int { 16 }

  func readMessages(_ child: Child, _ incarnation: Incarnation) throws(Ending) {
    for _ in 0..<Supervisor.messagesPerRound {
      guard child.current === incarnation, let message = next(child, incarnation) else { return }
      try handle(child, incarnation, message)
    }
  }

  private func next(_ child: Child, _ incarnation: Incarnation) -> Incoming? {
    guard !incarnation.channelClosed else { return nil }
    do { return try incarnation.channel.receive(wait: false) } catch {
      incarnation.channelClosed = true
      // Its exit says the rest; a process that closes its socket and lives on is of no use.
      if case .malformed(let what) = error { violation(child, incarnation, what) } else { incarnation.process.kill() }
      return nil
    }
  }

  private func violation(_ child: Child, _ incarnation: Incarnation, _ what: MessageError) {
    incarnation.channelClosed = true
    child.complaint = "it broke the set-up protocol: \(what.sentence)"
    note("\(child.role.name) was ended because \(what.sentence)")
    incarnation.process.kill()
  }

  private func handle(_ child: Child, _ incarnation: Incarnation, _ message: borrowing Incoming) throws(Ending) {
    let failure: MessageError
    do throws(MessageError) {
      try check(child, message)
      return
    } catch { failure = error }
    violation(child, incarnation, failure)
  }

  private func check(_ child: Child, _ message: borrowing Incoming) throws(MessageError) {
    switch child.role {
    case .vmm: try handleVMM(child, message)
    case .loader: try handleLoader(child, message)
    case .terminal: try handleTerminal(child, message)
    case .device(let kind): try handleDevice(child, kind, message)
    case .backEnd: try handleBackEnd(child, message)
    }
  }

  // MARK: by role

  private func handleDevice(_ child: Child, _ kind: DeviceKind, _ message: borrowing Incoming) throws(MessageError) {
    switch message.request {
    case .deviceReady:
      _ = try message.decode(DeviceReady.self)
      try becomeReady(child)
    case .machineEvent: try machineEvent(try message.decode(MachineEventMessage.self).event, from: kind)
    case .deviceCounters:
      try expectCounters(child)
      child.counters = try message.decode(DeviceCounters.self)
      answerIfComplete()
    case .deviceFailed: child.complaint = try message.decode(DeviceFailed.self).text
    case .functionState where kind == .pcie: try functionState(try message.decode(FunctionState.self))
    default: throw .unexpectedRequest(message.request.rawValue)
    }
  }

  private func handleVMM(_ child: Child, _ message: borrowing Incoming) throws(MessageError) {
    switch message.request {
    case .machineReady:
      let ready: MachineReady = try message.decode()
      try machineReady(ready, child)
    case .machineFailed:
      guard child.state == .starting else { throw .unexpectedRequest(message.request.rawValue) }
      end(Ending(.badInput, try message.decode(MachineFailed.self).text))
    case .deviceFault: deviceFault(try message.decode(DeviceFault.self))
    case .vcpuFailed: vcpuFailed(try message.decode(VCPUFailed.self).report, child)
    case .machineCounters:
      try expectCounters(child)
      vmmCounters = try message.decode(MachineCounters.self)
      answerIfComplete()
    case .paused: paused(try message.decode(Paused.self).report)
    default: throw .unexpectedRequest(message.request.rawValue)
    }
  }

  private func handleLoader(_ child: Child, _ message: borrowing Incoming) throws(MessageError) {
    switch message.request {
    case .loaded:
      boot = try message.decode(Loaded.self).entry
      // It held guest RAM and met hostile files: it is gone before the guest runs, whether it wants to or not.
      child.current?.process.kill()
    case .loadFailed: child.complaint = try message.decode(LoadFailed.self).text
    default: throw .unexpectedRequest(message.request.rawValue)
    }
  }

  private func handleTerminal(_ child: Child, _ message: borrowing Incoming) throws(MessageError) {
    switch message.request {
    case .terminalReady:
      _ = try message.decode(TerminalReady.self)
      try becomeReady(child)
    case .quit:
      _ = try message.decode(Quit.self)
      end(Ending(signal: 2))
    case .inputClosed:
      _ = try message.decode(InputClosed.self)
      note("standard input has ended")
    case .consoleFault:
      _ = try message.decode(ConsoleFault.self)
      consoleFault()
    default: throw .unexpectedRequest(message.request.rawValue)
    }
  }

  // MARK: what it means

  func becomeReady(_ child: Child) throws(MessageError) {
    guard child.state == .starting, let current = child.current else {
      throw .impossible("it said twice that it is ready")
    }
    let now = Clock.monotonic
    child.state = .running
    child.everReady = true
    child.startTime = now - current.spawnedAt
    if let died = child.diedAt { child.lastRestart = now - died }
    child.diedAt = nil
    for client in child.restartClients { control.reply(client, .done) }
    child.restartClients = []
    runIfReady()
  }

  private func machineReady(_ ready: MachineReady, _ vmm: Child) throws(MessageError) {
    let line = HypervisorLine.text(ready, kvm, asked: machine.hypervisor)
    note(line)
    // Who left the choice to the host is told of it, once.
    if hypervisor == nil, machine.hypervisor == .auto { announcement = line }
    hypervisor = ready.hypervisor
    try becomeReady(vmm)
  }

  /// Lets the vCPUs go once the guest is loaded and everything that it can touch is there.
  func runIfReady() {
    guard phase == .starting, let boot else { return }
    for child in children where child.state != .running && child.state != .finished { return }
    for function in functions where !function.isConnected { return }
    phase = .running
    tell(Boot(entry: boot), vmm)
    tell(Run(), vmm)
    note("the guest runs")
    if let line = announcement { Log.line("atoll: \(line)") }
    announcement = nil
  }

  /// Sends a message that carries nothing that could fail to be made.
  func tell<M: Message>(_ message: M, _ child: Child?) {
    do { try send(message, to: child) } catch { end(error) }
  }

  /// Only the power device switches off and resets; only the serial device hears a panic.
  private func machineEvent(_ event: UInt32, from kind: DeviceKind) throws(MessageError) {
    switch (kind, event) {
    case (.power, 1): panicDeadline == nil ? end(Ending(.poweredOff)) : endPanic(nil)
    case (.power, 2): resetRequested = true
    case (.serial, 3): guestPanicked()
    default: throw .impossible("the machine event is not this device's to send")
    }
  }

  private func deviceFault(_ fault: DeviceFault) {
    guard let child = children.first(where: { $0.role.device.map { UInt32($0.rawValue) } == fault.deviceIndex }) else {
      return
    }
    let words = RingFault(rawValue: fault.code)?.sentence.text ?? "it broke the rules of its ring"
    child.complaint = words
    note("\(child.role.name) was ended because \(words)")
    child.current?.process.kill()
  }

  /// The terminal found positions in the console segment that no working device stores.
  private func consoleFault() {
    guard let device = children.first(where: { hasTerminal($0) }), device.state == .running else { return }
    device.complaint = "it broke the rules of the console ring"
    note("\(device.role.name) was ended because it broke the rules of the console ring")
    device.current?.process.kill()
  }

  private func vcpuFailed(_ registers: RegisterReport, _ vmm: Child) {
    let why = registers.code == 1 ? "its exception entry cannot be fetched" : whyOfHypervisor(vmm)
    report = RegisterText.lines(registers)
    end(Ending(.vcpuFailure, "vCPU \(registers.vcpu) cannot continue: \(why)"))
  }

  /// What KVM has given up for stands in the VMM's log.
  private func whyOfHypervisor(_ vmm: Child) -> String {
    guard hypervisor == .kvm, let current = vmm.current else { return "the hypervisor cannot carry out an instruction" }
    readLog(vmm, current)
    return "KVM cannot carry it on\(vmm.lastWords)"
  }

  /// The console said the first words of a panic: reason and call trace follow, and are what a person wants to see.
  private func guestPanicked() {
    guard panicDeadline == nil, phase != .ending else { return }
    panicDeadline = Clock.monotonic + Supervisor.panicPatience
    panicStopping = false
  }

  /// Nanoseconds for the guest's last lines, and again for its registers.
  private static var panicPatience: Int64 { 1_000_000_000 }

  func panicTimePassed() {
    guard !panicStopping else { return endPanic(nil) }
    panicStopping = true
    panicDeadline = Clock.monotonic + Supervisor.panicPatience
    tell(Pause(), vmm)
  }

  /// The guest's kernel panicked, and its registers came or took too long.
  func endPanic(_ registers: RegisterReport?) {
    panicDeadline = nil
    if let registers { report = RegisterText.lines(registers) }
    end(Ending(.guestPanic, "the guest's kernel panicked"))
  }

  private func paused(_ registers: RegisterReport) {
    if panicDeadline != nil, panicStopping { return endPanic(registers) }
    // Nobody waits for it any more: the machine was told to run on meanwhile.
    guard !pauseClients.isEmpty else { return }
    if phase == .running { phase = .paused }
    pauseDeadline = nil
    for client in pauseClients { control.reply(client, .done) }
    pauseClients = []
  }
}
