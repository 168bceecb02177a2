import Control
import DeviceBus
import Sandbox
import System

/// One running process: what the supervisor holds of it.
final class Incarnation {
  let process: SpawnedProcess
  let channel: Channel
  let log: FileDescriptor
  /// Monotonic time of the spawn.
  let spawnedAt: Int64
  /// The peer has closed it, or broke the protocol.
  var channelClosed = false
  var logClosed = false
  /// Front-ends that a back-end was given and has not said to serve; the first comes with its sandbox.
  var frontEndsGiven = 0
  /// Its first message has been sent.
  var isIntroduced = false
  /// When it is killed, having been asked to end.
  var killAt: Int64?
  /// Counters that were asked for and have not come.
  var countersAsked = 0
  /// Bytes read from the log since `logWindow`; see `Child.logBudget`.
  var logBytes = 0
  var logWindow: Int64 = 0

  init(process: consuming SpawnedProcess, channel: consuming Channel, log: consuming FileDescriptor, at now: Int64) {
    self.process = process
    self.channel = channel
    self.log = log
    spawnedAt = now
  }

  /// Until when the log is not read, because its writer floods it.
  func logPause(at now: Int64) -> Int64? {
    guard logBytes >= Child.logBudget, now < logWindow + Child.logPeriod else { return nil }
    return logWindow + Child.logPeriod
  }
}

/// One process of the machine over all its incarnations.
final class Child {
  /// Log bytes that are read within `logPeriod` nanoseconds: a flood may fill its own pipe, not our time.
  static let logBudget = 256 << 10
  static let logPeriod: Int64 = 500_000_000

  enum State {
    /// Not started, or not any more.
    case absent
    /// Spawned, not ready.
    case starting
    case running
    /// Dead; a restart is due.
    case restarting
    /// Given up.
    case abandoned
    /// Did its work and left.
    case finished

    var word: StaticString {
      switch self {
      case .absent: "absent"
      case .starting: "starting"
      case .running: "running"
      case .restarting: "restarting"
      case .abandoned: "abandoned"
      case .finished: "finished"
      }
    }
  }

  let role: Role
  let program: MachineFiles.Program
  var state = State.absent
  var current: Incarnation?
  var policy = RestartPolicy()
  var logs = LogRing()
  /// Number of the incarnation, from 1; 0 before the first.
  var incarnation: UInt32 = 0
  /// It was ready at least once.
  var everReady = false
  var restarts = 0
  /// When the next incarnation is due.
  var restartAt: Int64?
  /// When the last incarnation died and has not been replaced yet.
  var diedAt: Int64?
  /// A person asked for this death.
  var deathRequested = false
  /// What it said before it gave up.
  var complaint: String?
  /// What its other side said of it before it was ended.
  var accusation: String?
  /// Who waits for it to be in service again.
  var restartClients: [Int] = []
  /// Nanoseconds from death to ready, and from spawn to ready, of the last start.
  var lastRestart: Int64 = 0
  var startTime: Int64 = 0
  /// Counters of this incarnation, and the sums of those before it.
  var counters = DeviceCounters()
  var earlierAccesses: UInt64 = 0
  var earlierInterrupts: UInt64 = 0
  var earlierBytes: (taken: UInt64, given: UInt64) = (0, 0)

  init(_ role: Role, _ program: MachineFiles.Program) {
    self.role = role
    self.program = program
  }

  /// Forgets the machine that ended with a reset; logs and the count of restarts stay.
  func forget() {
    (state, current, incarnation, everReady) = (.absent, nil, 0, false)
    (restartAt, diedAt, deathRequested, complaint) = (nil, nil, false, nil)
    policy = RestartPolicy()
    retireCounters()
  }

  /// Adds the counters of an incarnation that is gone to those before it.
  func retireCounters() {
    earlierAccesses &+= counters.accesses
    earlierInterrupts &+= counters.interrupts
    earlierBytes.taken &+= counters.bytesIn
    earlierBytes.given &+= counters.bytesOut
    counters = DeviceCounters()
  }

  /// Its last words, for a sentence about its end.
  var lastWords: String {
    if let complaint { return ": \(complaint)" }
    if let accusation { return ": \(accusation)" }
    if let line = logs.lines.last { return ": \(line.text)" }
    return ""
  }
}
