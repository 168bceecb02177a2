import System

/// What a back-end did that ends its session.
public enum FrontEndFault: Error, Sendable, Equatable {
  /// An answer, or a message on its channel, that is none.
  case malformed(VhostMessageError)
  /// A request on the socket where only answers are due.
  case notAnAnswer(UInt32)
  /// An answer when none was due.
  case unsolicited(UInt32)
  /// An answer to something else.
  case wrongAnswer(due: FrontEndRequest, got: UInt32)
  /// No answer in time.
  case silent(FrontEndRequest)
  /// An acknowledgement that says no.
  case refused(FrontEndRequest, UInt64)
  /// It lacks VERSION_1.
  case legacy
  /// It has fewer queues than the device needs.
  case tooFewQueues(UInt64)
  /// It cannot hold all memory regions.
  case tooFewMemorySlots(UInt64)
  /// It has CONFIG, and gives none.
  case configRefused(Int)
  /// A piece of configuration space that was not asked for.
  case wrongConfig
  /// It stopped another ring than asked, or where no ring can stop.
  case impossibleBase(UInt32)
  /// It wants another channel for its state, which nothing that Atoll starts does.
  case ownStateChannel
  /// A request on its channel that no front-end knows.
  case unknownRequest(UInt32)
  /// An answer on its channel, where nothing was asked.
  case answerOnChannel(UInt32)
  /// The memory for the in-flight log is smaller than the log: the front-end's own mistake.
  case inflightTooSmall(UInt64)

  /// What happened, as one sentence without a full stop.
  public var sentence: String {
    switch self {
    case .malformed(let error): "the back-end sent what is no message: \(error.sentence)"
    case .notAnAnswer(let request): "the back-end sent request \(request) where only answers are due"
    case .unsolicited(let request): "the back-end answered request \(request), which was not asked"
    case .wrongAnswer(let due, let got): "the back-end answered request \(got) instead of \(due.name.text)"
    case .silent(let request): "the back-end did not answer \(request.name.text) in time"
    case .refused(let request, let value): "the back-end refused \(request.name.text) (\(value))"
    case .legacy: "the back-end is a legacy device: it lacks VERSION_1"
    case .tooFewQueues(let count): "the back-end has \(count) queues, fewer than the device needs"
    case .tooFewMemorySlots(let count): "the back-end can hold \(count) memory regions, fewer than it gets"
    case .configRefused(let bytes): "the back-end refused to tell \(bytes) bytes of configuration space"
    case .wrongConfig: "the back-end told another piece of configuration space than it was asked for"
    case .impossibleBase(let base): "the back-end stopped a ring at \(base), which is no place of that ring"
    case .ownStateChannel: "the back-end wants a channel of its own for its state"
    case .unknownRequest(let request): "the back-end asked for \(request), which no front-end knows"
    case .answerOnChannel(let request): "the back-end answered request \(request) on its own channel"
    case .inflightTooSmall(let bytes): "the in-flight log needs \(bytes) bytes, more than it was given"
    }
  }
}
