import CProbe
import CSystem
import DeviceBus
import System

/// A program with two faces. In a sandbox, in the place of a real device, it tries one forbidden thing; outside, as a
/// small supervisor (`drive`, `nursery`, `time`), it starts itself in sandboxes and prints what came of it.
///
/// Being its own supervisor, it needs no help from the test's process, whose threads and user are not the supervisor's.
@main struct Main {
  static func main() {
    let words = arguments
    guard words.count >= 2 else { Process.exit(ProbeStatus.setUpFailed) }
    if words[1].same(as: "try") { Inside.attempt(words) }
    if words[1].same(as: "look") { Inside.look() }
    if words[1].same(as: "root") { Process.exit(probe_root()) }
    if words[1].same(as: "ready") { Inside.ready() }
    if words[1].same(as: "drive") { return Driver.drive(words) }
    if words[1].same(as: "rooted") { return Driver.rooted(words) }
    if words[1].same(as: "nursery") { return Driver.nursery() }
    if words[1].same(as: "time") { return Driver.time() }
    if words[1].same(as: "vmm") { return Driver.vmm(words) }
    Process.exit(ProbeStatus.setUpFailed)
  }

  private static var arguments: [String] {
    var words: [String] = []
    while let word = probe_argument(Int32(words.count)) { words.append(String(cString: word)) }
    return words
  }
}

extension String {
  /// Equality without the Unicode tables that `==` would link in.
  func same(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

/// How the probe says what happened: its exit status. 1 to 133 is the errno with which the attempt was refused.
enum ProbeStatus {
  static let happened: Int32 = 0
  static let setUpFailed: Int32 = 200
}

/// The probe as a process in a sandbox.
enum Inside {
  /// `try PHASE NUMBER OUTSIDER`
  static func attempt(_ words: [String]) -> Never {
    guard words.count == 5, let number = Int32(words[3]), let outsider = Int32(words[4]) else {
      Process.exit(ProbeStatus.setUpFailed)
    }
    let socket = words[2].same(as: "two") ? enterSecondPhase() : nil
    let status = -probe_try(number, outsider)
    // Open until here: an attempt uses it.
    _ = consume socket
    Process.exit(status)
  }

  /// Exits with the number of the first thing that is wrong, 0 if all is well.
  static func look() -> Never {
    let socket = enterSecondPhase()
    let wrong = probe_look()
    _ = consume socket
    Process.exit(wrong)
  }

  /// Says that it is ready, as a device does, and waits for the other side to go.
  static func ready() -> Never {
    let channel = enterSecondPhase()
    try? channel.send(DeviceReady())
    while let message = try? channel.receive() { _ = consume message }
    Process.exit(0)
  }

  private static func enterSecondPhase() -> Channel {
    let channel = Channel(owning: FileDescriptor(owning: Channel.inheritedDescriptor))
    guard case .some(var message) = try? channel.receive(), (try? SecondPhase.enter(&message)) != nil else {
      Process.exit(ProbeStatus.setUpFailed)
    }
    return channel
  }
}
