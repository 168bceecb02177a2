import Glibc
import VhostBenchSupport

/// What the command line asks for.
struct Arguments {
  enum Device: String { case block, fs, net, vsock, rng }

  var device = Device.block
  var frontEnd = FrontEndOptions()
  var load = BlockLoadOptions()
  var image: (path: String, megabytes: Int)?
  var udsPath = ""
  var pins = false
  var resets = false
  var isVerbose = false
  private var socket: String?
  private var kind = SocketKind.listening
  private var program: [String] = []

  init(_ words: [String]) throws {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        program = Array(rest)
        break
      }
      if takeFlag(word) { continue }
      guard let value = rest.popFirst() else { throw BenchFailure(usage) }
      if word == "--make-image", let megabytes = rest.popFirst().flatMap({ Int($0) }) {
        image = (value, megabytes)
        continue
      }
      try take(word, value)
    }
    frontEnd.deviceID = [.block: 2, .fs: 26, .net: 1, .vsock: 19, .rng: 4][device] ?? 2
    if device == .net, frontEnd.queues == 0 { frontEnd.queues = 2 }
    guard image != nil || socket != nil || !program.isEmpty else { throw BenchFailure(usage) }
  }

  private mutating func takeFlag(_ word: String) -> Bool {
    switch word {
    case "--listening": kind = .listening
    case "--connected": kind = .connected
    case "--path": kind = .path
    case "--sequential": load.sequential = true
    case "--write": load.writes = true
    case "--verify": load.verifies = true
    case "--sleep": load.sleeps = true
    case "--packed": frontEnd.packed = true
    case "--no-event-index": frontEnd.eventIndex = false
    case "--no-inflight": frontEnd.inflight = false
    case "--reset": resets = true
    case "--pin": pins = true
    case "--verbose": isVerbose = true
    default: return false
    }
    return true
  }

  private mutating func take(_ word: String, _ value: String) throws {
    switch word {
    case "--socket": socket = value
    case "--uds-path": udsPath = value
    case "--device": device = try Device(rawValue: value) ?? { throw BenchFailure("there is no device \(value)") }()
    case "--seconds": load.seconds = try number(value)
    case "--depth": load.depth = Int(try number(value))
    case "--size": load.size = Int(try number(value))
    case "--queues": frontEnd.queues = Int(try number(value))
    case "--ring": frontEnd.ringSize = UInt16(clamping: Int(try number(value)))
    default: throw BenchFailure(usage)
    }
  }

  private func number(_ text: String) throws -> Double {
    guard let number = Double(text), number > 0, number < 1e9 else {
      throw BenchFailure("\(text) is no number above 0")
    }
    return number
  }

  func backEnd() throws -> BackEndProcess {
    if let socket { return BackEndProcess(path: socket) }
    let directory = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) } ?? "/tmp"
    return try BackEndProcess(program, kind, directory: directory, cpu: pins ? 1 : nil)
  }
}
