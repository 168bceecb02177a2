// A vhost-user front-end without a guest: drives one back-end and says what came of it.

import Glibc
import System
import VhostBenchSupport
import VhostUser

let usage = """
  usage: atoll-vhost-bench [options] --socket PATH
         atoll-vhost-bench [options] --listening|--connected|--path -- PROGRAM ARGUMENT…
         atoll-vhost-bench --make-image PATH MEGABYTES

  In the arguments {fd} is the socket's descriptor and {path} the path to listen at.
    --device block|fs|net|vsock|rng   default block; vsock needs --uds-path, as the back-end has it
    --depth N  --size BYTES  --queues N  --ring N  --seconds S
    --sequential  --write  --verify  --sleep (for signals, instead of polling)
    --packed  --no-event-index  --no-inflight  --reset (in the middle)  --pin (back-end on processor 1, this on 0)  --verbose
  """

@main
struct Main {
  static func main() {
    do {
      let arguments = try Arguments(Array(CommandLine.arguments.dropFirst()))
      if let image = arguments.image { return try makeImage(image.path, megabytes: image.megabytes) }
      try drive(arguments)
    } catch let failure as BenchFailure {
      fail(failure.sentence)
    } catch {
      fail("\(error)")
    }
  }

  static func fail(_ sentence: String) -> Never {
    Log.line("atoll-vhost-bench: \(sentence)")
    exit(1)
  }

  static func drive(_ arguments: Arguments) throws {
    let backEnd = try arguments.backEnd()
    if arguments.pins { try BackEndProcess.pin(to: 0) }
    let frontEnd = try FrontEnd(try backEnd.connect(), arguments.frontEnd, verbose: arguments.isVerbose)
    try frontEnd.connect()
    describe(frontEnd)
    for round in 0..<(arguments.resets ? 2 : 1) {
      if round > 0 { try frontEnd.reset() }
      try frontEnd.start(queues: queueCount(arguments, frontEnd), features: features(arguments, frontEnd))
      try exercise(arguments, frontEnd, backEnd)
    }
    try frontEnd.stop()
    print("stopped: \(frontEnd.events.filter { if case .ringStopped = $0 { true } else { false } })")
  }

  /// Without FLUSH a block device writes through (virtio 1.3, 5.2.6.2), which is not what a guest asks for.
  static func features(_ arguments: Arguments, _ frontEnd: FrontEnd) -> UInt64 {
    let flush: UInt64 = 1 << 9
    let multipleQueues: UInt64 = 1 << 12
    return arguments.device == .block ? frontEnd.session.features & (flush | multipleQueues) : 0
  }

  static func queueCount(_ arguments: Arguments, _ frontEnd: FrontEnd) -> Int {
    switch arguments.device {
    case .block: arguments.frontEnd.queues == 0 ? 1 : arguments.frontEnd.queues
    case .fs, .net: 2
    case .vsock: min(3, frontEnd.session.queueCount)
    case .rng: 1
    }
  }

  static func exercise(_ arguments: Arguments, _ frontEnd: FrontEnd, _ backEnd: BackEndProcess) throws {
    let exercises = Exercises(frontEnd)
    switch arguments.device {
    case .block: try block(arguments, frontEnd, backEnd)
    case .fs: print(try exercises.fileSystem())
    case .net: print(try exercises.network())
    case .vsock: print(try exercises.socket(arguments.udsPath))
    case .rng: print(try exercises.entropy())
    }
  }

  static func block(_ arguments: Arguments, _ frontEnd: FrontEnd, _ backEnd: BackEndProcess) throws {
    let load = try BlockLoad(frontEnd, arguments.load)
    let before = backEnd.processorTime
    let result = try load.run()
    let used = backEnd.processorTime - before
    let megabytes = result.rate * Double(arguments.load.size) / 1e6
    print(
      "\(result.requests) requests in \(rounded(result.seconds)) s: \(Int(result.rate)) a second, \(Int(megabytes)) MB/s"
    )
    let perRequest = Double(max(1, result.requests))
    print(
      "kicks a request \(rounded(Double(result.kicks) / perRequest)), signals \(rounded(Double(result.signals) / perRequest))"
    )
    if used > 0 {
      print(
        "back-end: \(rounded(used / perRequest * 1e6)) µs of processor a request, \(Int(perRequest / used)) a second on one core"
      )
    }
  }

  static func describe(_ frontEnd: FrontEnd) {
    let session = frontEnd.session
    print(
      "features 0x\(String(session.features, radix: 16)), protocol 0x\(String(session.protocolFeatures.rawValue, radix: 16))"
    )
    print("queues \(session.queueCount), config \(session.config.count) bytes")
  }

  static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

  /// A disk image of which each sector starts with its number.
  static func makeImage(_ path: String, megabytes: Int) throws {
    let file = try FileDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    guard let base = buffer.baseAddress else { return }
    buffer.initializeMemory(as: UInt8.self, repeating: 0)
    for position in 0..<megabytes {
      BlockLoad.pattern(base, buffer.count, at: UInt64(position))
      guard try file.write(UnsafeRawBufferPointer(buffer)) == buffer.count else {
        throw BenchFailure("the disk is full")
      }
    }
  }
}
