import Sandbox
import CSystem
import Control
import DeviceBus
import Machine
import System

/// An answer to `status` that waits for counters.
struct StatusQuery {
  /// Who waits.
  var clients: [Int] = []
  /// When the answer goes out without the counters that have not come.
  var deadline: Int64?
}

// Status: counters are asked for when a person wants them, and not otherwise.
extension Supervisor {
  private static var patienceForCounters: Int64 { 100_000_000 }

  func askStatus(_ client: Int) {
    status.clients.append(client)
    guard status.deadline == nil else { return }
    status.deadline = Clock.monotonic + Supervisor.patienceForCounters
    for child in children where child.state == .running {
      guard let current = child.current else { continue }
      switch child.role {
      case .vmm: tell(QueryMachineCounters(), child)
      case .device: tell(QueryDeviceCounters(), child)
      case .backEnd(let backEnd) where backEnd.foreign == nil: tell(QueryDeviceCounters(), child)
      default: continue
      }
      current.countersAsked += 1
    }
    answerIfComplete()
  }

  /// Counters came; those that nobody asked for break the protocol.
  func expectCounters(_ child: Child) throws(MessageError) {
    guard let current = child.current, current.countersAsked > 0 else {
      throw .impossible("counters came that nobody asked for")
    }
    current.countersAsked -= 1
  }

  /// Answers once every counter that was asked for has come.
  func answerIfComplete() {
    guard status.deadline != nil else { return }
    if children.allSatisfy({ ($0.current?.countersAsked ?? 0) == 0 }) { answerStatus() }
  }

  /// Answers everyone who waits, with the counters that are known.
  func answerStatus() {
    status.deadline = nil
    let reply = Reply.status(machineStatus())
    for client in status.clients { control.reply(client, reply) }
    status.clients = []
  }

  private func machineStatus() -> MachineStatus {
    var status = MachineStatus()
    status.name = machine.name
    status.state = phase.word.text
    status.vcpus = machine.vcpus
    status.hypervisor = hypervisor.map { HypervisorLine.word($0).text } ?? ""
    status.memory = machine.memory
    status.uptime = Clock.monotonic - startedAt
    status.resets = resets
    status.instructions = vmmCounters.instructions
    status.exits = vmmCounters.mmioExits
    status.unimplemented = vmmCounters.unimplemented
    status.coreMessages = vmmCounters.coreMessages
    status.bindings = vmmCounters.bindings
    let elsewhere = functions.filter { $0.isForeignSocket }
    status.processes = [ownStatus()] + children.map { processStatus($0) } + elsewhere.map { elsewhereStatus($0) }
    return status
  }

  private func ownStatus() -> ProcessStatus {
    var row = ProcessStatus()
    row.name = "supervisor"
    // The main thread's number is the process'.
    row.pid = atoll_thread_id()
    row.sandbox = "none"
    row.state = "running"
    return row
  }

  /// A function whose back-end somebody else runs.
  private func elsewhereStatus(_ function: Function) -> ProcessStatus {
    var row = ProcessStatus()
    row.name = function.name
    row.sandbox = "-"
    row.state = function.isConnected ? "connected" : function.attachedAt != nil ? "starting" : "waiting"
    row.restarts = max(0, Int(function.incarnation) - 1)
    return row
  }

  private func processStatus(_ child: Child) -> ProcessStatus {
    var row = ProcessStatus()
    row.name = child.role.name
    row.pid = child.current?.process.pid ?? 0
    row.sandbox = confinementWord(child)
    row.state = child.state.word.text
    row.restarts = child.restarts
    row.lastRestart = child.lastRestart
    row.startTime = child.startTime
    if let kind = child.role.device {
      row.accesses = vmmCounters.deviceAccesses[Int(kind.rawValue)]
      row.interrupts = child.earlierInterrupts &+ child.counters.interrupts
    } else if case .vmm = child.role {
      row.accesses = vmmCounters.mmioExits
      row.interrupts = vmmCounters.interrupts
    } else if case .backEnd = child.role {
      row.accesses = child.earlierAccesses &+ child.counters.accesses
      row.interrupts = child.earlierInterrupts &+ child.counters.interrupts
      row.bytesIn = child.earlierBytes.taken &+ child.counters.bytesIn
      row.bytesOut = child.earlierBytes.given &+ child.counters.bytesOut
    }
    return row
  }

  private func confinementWord(_ child: Child) -> String {
    switch sandbox.confinement {
    case .enforced: profile(child).name.text
    case .logged: "\(profile(child).name.text) (log only)"
    case .none: "none"
    }
  }
}
