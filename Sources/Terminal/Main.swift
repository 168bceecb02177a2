import DeviceBus
import System

/// The console's person side: owns standard input and output and nothing else of the machine.
@main struct Main {
  static func main() {
    let channel = Channel(owning: FileDescriptor(owning: Channel.inheritedDescriptor))
    do throws(TerminalFailure) {
      var console = try Console.start(channel)
      let failure = console.serve()
      console.close()
      Process.exit(failure.status)
    } catch {
      if error.status != 0 { Log.line("atoll-terminal: \(error.sentence)") }
      Process.exit(error.status)
    }
  }
}

/// Why the terminal ends.
enum TerminalFailure: Error {
  /// All that the guest said is out, as the supervisor asked.
  case finished
  /// The supervisor is gone.
  case supervisorGone
  /// SIGTERM.
  case terminated
  /// The supervisor sent something that is not allowed.
  case message(MessageError)
  /// The host refused.
  case system(SystemError)

  init(_ error: ChannelError) {
    switch error {
    case .closed: self = .supervisorGone
    case .malformed(let error): self = .message(error)
    case .system(let error): self = .system(error)
    }
  }

  /// Exit status of the process.
  var status: Int32 {
    switch self {
    case .finished, .supervisorGone: 0
    case .system: 65
    case .message: 66
    case .terminated: 128 + 15
    }
  }

  /// One sentence without a full stop.
  var sentence: String {
    switch self {
    case .finished: "the machine has ended"
    case .supervisorGone: "the supervisor is gone"
    case .terminated: "it was asked to end"
    case .message(let error): error.sentence
    case .system(let error): error.sentence
    }
  }
}
