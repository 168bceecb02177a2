import CSystem
import System

/// A process that was started here and has not been reaped.
///
/// Dropping the value closes the pidfd and leaves the process alone: end it and `reap` it first.
public struct SpawnedProcess: ~Copyable, Sendable {
  /// Its number in the namespace of this process; good for people and log lines, never for signals.
  public let pid: Int32
  /// Its pidfd: readable once the process has ended.
  public let descriptor: FileDescriptor

  /// Takes over a child and its pidfd.
  public init(pid: Int32, owning descriptor: consuming FileDescriptor) {
    self.pid = pid
    self.descriptor = descriptor
  }

  /// Sends a Linux signal number. A process that has ended already is no error.
  public borrowing func signal(_ number: Int32) throws(SystemError) {
    let result = atoll_pidfd_signal(descriptor.raw, number)
    if result == -SpawnedProcess.noSuchProcess { return }
    _ = try SystemError.check("signal to a process", result)
  }

  /// Ends it at once. It is gone when `reap` has returned how it ended.
  public borrowing func kill() { _ = atoll_pidfd_signal(descriptor.raw, 9) }

  /// Whether it has ended, reaped or not.
  public var hasEnded: Bool {
    guard let ready = try? Poll.wait([(descriptor: descriptor.raw, events: Poll.input)], nanoseconds: 0) else {
      return false
    }
    return ready[0] != 0
  }

  /// How it ended, after which the process no longer exists. Nil if it still runs and `wait` is false.
  /// Throws ECHILD if it was reaped before.
  public borrowing func reap(wait: Bool = false) throws(SystemError) -> ProcessEnd? {
    var signalled: Int32 = 0
    let status = try SystemError.check("wait for a process", atoll_pidfd_wait(descriptor.raw, wait ? 1 : 0, &signalled))
    if signalled < 0 { return nil }
    return signalled == 0 ? .exited(status) : .killed(signal: status)
  }

  private static let noSuchProcess: Int32 = 3
}

/// How a process ended.
public enum ProcessEnd: Sendable, Equatable {
  /// It left by itself with this status, 0 to 255.
  case exited(Int32)
  /// A signal ended it.
  case killed(signal: Int32)

  /// The end in words, to follow a process' name: "exited with status 1".
  public var sentence: String {
    switch self {
    case .exited(let status): "exited with status \(status)"
    case .killed(let signal): "was killed by signal \(signal) (\(ProcessEnd.words(signal)))"
    }
  }

  private static func words(_ signal: Int32) -> StaticString {
    switch signal {
    case 1: "hang-up"
    case 2: "interrupt"
    case 4: "illegal instruction: a failed check of the program"
    case 5: "trap"
    case 6: "abort"
    case 7: "bus error"
    case 8: "arithmetic error"
    case 9: "kill"
    case 11: "bad memory access"
    case 13: "broken pipe"
    case 15: "terminate"
    case 25: "file size limit"
    case 31: "bad system call: its sandbox profile forbids it"
    default: "no name"
    }
  }
}
