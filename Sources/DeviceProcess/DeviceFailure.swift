import DeviceBus
import DeviceModel
import System

/// Why a device process gives up; the supervisor gets it as `DeviceFailed`.
public enum DeviceFailure: Error, Sendable {
  /// The supervisor closed the set-up socket: the machine ends. Not a failure.
  case supervisorGone
  /// The supervisor sent something that is not allowed.
  case message(MessageError)
  /// The rings cannot be what the VMM wrote.
  case ring(RingFault)
  /// The state page of the earlier incarnation cannot be continued.
  case page(StatePageError)
  /// The model refuses the state in that page.
  case state(StateError)
  /// The host refused.
  case system(SystemError)

  /// Exit status of the process; 0 only for `supervisorGone`.
  public var status: Int32 {
    switch self {
    case .supervisorGone: 0
    case .system: 65
    case .message: 66
    case .ring: 67
    case .page: 68
    case .state: 69
    }
  }

  /// One sentence without a full stop.
  public var sentence: String {
    switch self {
    case .supervisorGone: "the supervisor closed the set-up socket"
    case .message(let error): error.sentence
    case .ring(let error): error.sentence.text
    case .page(let error): error.sentence.text
    case .state(let error): error.sentence.text
    case .system(let error): error.sentence
    }
  }

  /// What a socket of this process' parent or of the VMM gave: without them there is no machine.
  public init(_ error: ChannelError) {
    switch error {
    case .closed: self = .supervisorGone
    case .malformed(let error): self = .message(error)
    // A send to a supervisor that is gone.
    case .system(let error): self.init(error)
    }
  }

  /// What a send on such a socket gave.
  public init(_ error: SystemError) { self = error.number == Errno.pipe ? .supervisorGone : .system(error) }
}
