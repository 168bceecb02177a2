import Machine
import CSystem
import Control
import DeviceBus
import Sandbox
import System

// Processes that end, and what follows from it.
extension Supervisor {
  /// A pidfd is readable: reaps the process, after its last words.
  func handleExit(_ child: Child, _ incarnation: Incarnation) throws(Ending) {
    let how: ProcessEnd
    do {
      guard let end = try incarnation.process.reap() else { return }
      how = end
    } catch { throw Ending(host: "waiting for a process", error) }
    try readMessages(child, incarnation)
    drainLog(child, incarnation)
    child.current = nil
    guard phase != .ending else {
      child.state = .finished
      return
    }
    try gone(child, how)
  }

  private func gone(_ child: Child, _ how: ProcessEnd) throws(Ending) {
    let name = child.role.name
    switch child.role {
    case .loader:
      guard boot != nil else { throw loaderFailure(child, how) }
      child.state = .finished
      runIfReady()
    case .vmm:
      throw Ending(.vcpuFailure, "the VMM \(how.sentence)\(child.lastWords)")
    case .terminal:
      terminalModes.restore()
      note("\(name) \(how.sentence)")
      try lost(child, how)
    case .device(let kind):
      note("\(name) \(how.sentence)")
      tell(DetachDevice(deviceIndex: UInt32(kind.rawValue)), vmm)
      try lost(child, how)
    case .backEnd(let backEnd):
      // One that left by itself was not ended for what it was accused of.
      if how != .killed(signal: 9) { child.accusation = nil }
      note("\(name) \(how.sentence)")
      disconnected(functions[backEnd.index])
      try lost(child, how)
    }
  }

  /// The loader refuses a file in words; a loader that just dies met a file that it could not even refuse.
  private func loaderFailure(_ child: Child, _ how: ProcessEnd) -> Ending {
    if let complaint = child.complaint { return Ending(.badInput, complaint) }
    return Ending(.processLost, "the loader \(how.sentence)\(child.lastWords)")
  }

  // MARK: restarting

  /// Nanoseconds that a process has for an end of its own.
  private static var drainPatience: Int64 { 1_000_000_000 }

  /// Ends a process so that a successor takes over. Somebody else's disk may finish what is in flight: it keeps no log of that,
  /// and where requests end in another order than they came, nothing else tells which of them have not been done.
  func replace(_ child: Child) {
    child.deathRequested = true
    guard let current = child.current, current.killAt == nil else { return }
    guard child.role.backEnd?.isForeignDisk == true else { return current.process.kill() }
    do { try current.process.signal(15) } catch { return current.process.kill() }
    current.killAt = Clock.monotonic + Supervisor.drainPatience
  }

  private func lost(_ child: Child, _ how: ProcessEnd) throws(Ending) {
    let now = Clock.monotonic
    child.retireCounters()
    child.diedAt = child.diedAt ?? now
    child.state = .restarting
    if child.deathRequested {
      child.deathRequested = false
      return try restart(child)
    }
    switch child.policy.died(at: now) {
    case .restart(let at) where at <= now: try restart(child)
    case .restart(let at): child.restartAt = at
    case .giveUp: try giveUp(child, how)
    }
  }

  /// A device that never served, or not until the guest ran, ends the machine; one that did is replaced by nothing, so that
  /// the guest can go on without.
  private func giveUp(_ child: Child, _ how: ProcessEnd) throws(Ending) {
    let name = child.role.name
    let often = "\(name) died \(RestartPolicy.limit) times within 10 seconds"
    let sentence = "\(often); it last \(how.sentence)\(child.lastWords)"
    guard child.everReady, phase != .starting else { throw Ending(.processLost, sentence) }
    switch child.role {
    case .device(let kind): tell(AbandonDevice(deviceIndex: UInt32(kind.rawValue)), vmm)
    case .backEnd(let backEnd): abandon(functions[backEnd.index])
    default: throw Ending(.processLost, sentence)
    }
    child.state = .abandoned
    for client in child.restartClients { control.reply(client, .error(sentence)) }
    child.restartClients = []
    note(sentence)
    Log.line("atoll: \(sentence); the guest goes on without it")
  }

  // MARK: logs

  /// Reads one piece of a process' log.
  func readLog(_ child: Child, _ incarnation: Incarnation) {
    guard !incarnation.logClosed else { return }
    var chunk = [UInt8](repeating: 0, count: 4096)
    let raw = incarnation.log.raw
    let count = chunk.withUnsafeMutableBytes { atoll_read(raw, $0.baseAddress, UInt($0.count)) }
    guard count > 0 else {
      if count != -Int(Errno.again) { incarnation.logClosed = true }
      return
    }
    charge(incarnation, count)
    publish(child.logs.append(chunk[0..<count], at: Clock.realtime), of: child.role.name)
  }

  private func charge(_ incarnation: Incarnation, _ count: Int) {
    let now = Clock.monotonic
    if now >= incarnation.logWindow + Child.logPeriod { (incarnation.logWindow, incarnation.logBytes) = (now, 0) }
    incarnation.logBytes += count
  }

  /// Reads what a process that is gone left in its log: at most what a pipe holds.
  private func drainLog(_ child: Child, _ incarnation: Incarnation) {
    for _ in 0..<17 where !incarnation.logClosed { readLog(child, incarnation) }
    publish(child.logs.finish(at: Clock.realtime), of: child.role.name)
  }
}
