import Control
import Sandbox
import System

/// How a machine ends: the exit status and what a person is told.
struct Ending: Error {
  /// The supervisor's exit status; see `ExitStatus`.
  let status: Int32
  /// One sentence; nil where there is nothing to tell.
  let sentence: String?

  init(_ status: ExitStatus, _ sentence: String? = nil) {
    self.status = status.rawValue
    self.sentence = sentence
  }

  /// A signal ended the machine, or Ctrl-A x, which is a person's SIGINT.
  init(signal: Int32) {
    status = ExitStatus.signal(signal)
    sentence = nil
  }

  /// The host has no descriptors, memory or processes left.
  init(host what: StaticString, _ error: SystemError) {
    self.init(.hostFailure, "\(what.text) failed: \(error.sentence)")
  }

  /// A process could not be started.
  init(_ error: SandboxError) {
    switch error {
    case .request: self.init(.badInput, error.sentence)
    case .step(_, .clone, let number) where Ending.isExhaustion(number): self.init(.hostFailure, error.sentence)
    case .step(_, .execute, _): self.init(.badInput, error.sentence)
    default: self.init(.sandboxUnavailable, error.sentence)
    }
  }

  /// EAGAIN, ENOMEM, ENFILE, EMFILE: too many processes, no memory, no descriptors.
  private static func isExhaustion(_ number: Int32) -> Bool {
    number == Errno.again || number == Errno.noMemory || number == 23 || number == 24
  }
}
