import Sandbox
import Control
import DeviceBus
import Machine
import System

// Requests of people.
extension Supervisor {
  /// A client's connection is readable, writable or broken.
  func handleClient(_ id: Int, _ ready: Int16) {
    guard let client = control.client(id) else { return }
    if ready & Poll.output != 0 { client.flush() }
    if ready & (Poll.input | Poll.broken) != 0 {
      for line in client.readLines() { serve(client, line) }
    }
    control.dropGone()
  }

  private func serve(_ client: ControlClient, _ line: [UInt8]) {
    do { carryOut(try ControlRequest.parse(line), client) } catch { client.send(.error(error.sentence)) }
  }

  private func carryOut(_ request: ControlRequest, _ client: ControlClient) {
    switch request {
    case .status: askStatus(client.id)
    case .map:
      client.send(
        .map(MachineRows.rows(memory: machine.memory, functions: functions, firmware: machine.firmware != nil)))
    case .restart(let name): restart(name, client)
    case .logs(let name, let follow): showLogs(name, follow, client)
    case .pause: pause(client)
    case .resume: resume(client)
    case .powerButton: pressPowerButton(client)
    case .shutdown:
      client.send(.done)
      end(Ending(.poweredOff))
    }
  }

  // MARK: restart

  private func restart(_ name: String, _ client: ControlClient) {
    if let function = functions.first(where: { same($0.name, name) }), function.isForeignSocket {
      return client.send(.error("\(function.name) is served by a process that this machine did not start"))
    }
    guard let child = children.first(where: { same($0.role.name, name) }) else {
      return client.send(.error("there is no process called \(printable(name))"))
    }
    if let refusal = refusal(child) { return client.send(.error(refusal)) }
    child.restartClients.append(client.id)
    replace(child)
  }

  private func refusal(_ child: Child) -> String? {
    let name = child.role.name
    switch (child.role, child.state) {
    case (.vmm, _): return "the VMM cannot be restarted without the guest"
    case (.loader, _): return "the loader runs only before the guest starts"
    case (_, .running): return nil
    default: return "\(name) is not running: it is \(child.state.word.text)"
    }
  }

  // MARK: logs

  private func showLogs(_ name: String?, _ follow: Bool, _ client: ControlClient) {
    var lines: [LogLine] = []
    var known = false
    func add(_ process: String, _ ring: LogRing) {
      if let name, !same(name, process) { return }
      known = true
      for line in ring.lines { lines.append(LogLine(process: process, time: line.time, text: line.text)) }
    }
    add("supervisor", ownLog)
    for child in children { add(child.role.name, child.logs) }
    guard known else { return client.send(.error("there is no process called \(printable(name ?? ""))")) }
    lines.sort { $0.time < $1.time }
    for line in lines { client.send(.log(line)) }
    guard follow else { return client.send(.end) }
    client.following = name.map { .process($0) } ?? .everything
  }

  // MARK: running and standing still

  private func pause(_ client: ControlClient) {
    switch phase {
    case .paused: client.send(.done)
    case .running:
      if pauseClients.isEmpty {
        tell(Pause(), vmm)
        pauseDeadline = Clock.monotonic + Supervisor.pausePatience
      }
      pauseClients.append(client.id)
    default: client.send(.error("the machine is \(phase.word.text)"))
    }
  }

  /// A vCPU that waits for a device does not come to stand: the machine runs on.
  func abandonPause() {
    pauseDeadline = nil
    tell(Run(), vmm)
    for client in pauseClients { control.reply(client, .error("a CPU waits for a device that does not answer")) }
    pauseClients = []
  }

  private func resume(_ client: ControlClient) {
    if pauseDeadline != nil {
      // A pause that is not complete is taken back; those who asked for it are told.
      pauseDeadline = nil
      for waiting in pauseClients { control.reply(waiting, .error("the machine was resumed")) }
      pauseClients = []
      tell(Run(), vmm)
      return client.send(.done)
    }
    guard phase == .paused else {
      return client.send(phase == .running ? .done : .error("the machine is \(phase.word.text)"))
    }
    phase = .running
    tell(Run(), vmm)
    client.send(.done)
  }

  private func pressPowerButton(_ client: ControlClient) {
    guard let power = child("power"), power.state == .running else {
      return client.send(.error("the power device is not running"))
    }
    // HostEvent.powerButton of the device models.
    tell(HostEventMessage(event: 1), power)
    client.send(.done)
  }
}
