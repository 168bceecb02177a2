import Sandbox
import Control
import DeviceBus
import Machine
import System

// Power-off, failure, reset: taking a machine down in order.
extension Supervisor {
  /// How long an ending machine may take to write out what the guest said, in nanoseconds.
  static var patience: Int64 { 5_000_000_000 }
  /// The same after a signal: whoever sends one wants an end.
  static var impatience: Int64 { 300_000_000 }

  /// Decides how the machine ends. The vCPUs stop now; the terminal writes out what the guest said, then all is torn
  /// down. The first reason counts; a signal during the wait ends the wait.
  func end(_ ending: Ending, grace: Int64 = Supervisor.patience) {
    let now = Clock.monotonic
    guard phase != .ending else {
      if grace == 0 { endDeadline = now }
      return
    }
    phase = .ending
    outcome = ending
    endDeadline = now + max(grace, Supervisor.impatience)
    (panicDeadline, pauseDeadline) = (nil, nil)
    for child in children { child.restartAt = nil }
    // A failure to say so changes nothing: the outcome is decided and everything is ended by force below.
    try? send(Stop(), to: vmm)
    try? send(Finish(), to: child("terminal"))
  }

  /// Ends every process and puts the terminal back. Nothing is left running, and no socket.
  func tearDown() {
    for child in children { child.current?.process.kill() }
    for child in children { reap(child) }
    control.close()
    terminalModes.restore()
    for line in report { Log.line(line) }
  }

  private func reap(_ child: Child) {
    guard let current = child.current else { return }
    _ = try? current.process.reap(wait: true)
    readLog(child, current)
    child.current = nil
  }

  /// The guest asked for a reset: everything but the terminal starts again, with fresh memory.
  func reset() throws(Ending) {
    resetRequested = false
    resets += 1
    note("the guest asked for a reset")
    for client in pauseClients { control.reply(client, .error("the guest was reset")) }
    (pauseClients, pauseDeadline) = ([], nil)
    let machineParts = children.filter { !same($0.role.name, "terminal") }
    for child in machineParts { child.current?.process.kill() }
    for child in machineParts {
      reap(child)
      child.forget()
    }
    vmmCounters = MachineCounters()
    for function in functions { try function.forget() }
    do { memory = try MachineMemory(machine) } catch { throw Ending(host: "making shared memory", error) }
    try start()
  }
}
