import DeviceBus
import System
import VhostUser

/// Why a back-end process ends.
enum BackEndFailure: Error, Sendable {
  /// The supervisor closed the set-up socket: the machine ends. Not a failure.
  case supervisorGone
  /// The only front-end there will ever be (`--fd` with a connected socket) has left. Not a failure.
  case frontEndGone
  /// The only front-end there will ever be broke the protocol.
  case frontEnd(BackEndFault)
  /// A command line that cannot be obeyed.
  case usage(UsageError)
  /// The supervisor sent something that is not allowed.
  case message(MessageError)
  /// The host refused.
  case system(SystemError)

  /// Exit status of the process.
  var status: Int32 {
    switch self {
    case .supervisorGone, .frontEndGone: 0
    case .frontEnd: 1
    case .usage: 2
    case .system: 65
    case .message: 66
    }
  }

  /// One sentence without a full stop.
  var sentence: String {
    switch self {
    case .supervisorGone: "the supervisor closed the set-up socket"
    case .frontEndGone: "the front-end left"
    case .frontEnd(let fault): fault.sentence
    case .usage(let error): error.sentence
    case .message(let error): error.sentence
    case .system(let error): error.sentence
    }
  }

  init(_ error: ChannelError) {
    switch error {
    case .closed: self = .supervisorGone
    case .malformed(let error): self = .message(error)
    case .system(let error): self.init(error)
    }
  }

  init(_ error: SystemError) { self = error.number == Errno.pipe ? .supervisorGone : .system(error) }
}
