import CSystem
import DeviceBus
import DeviceModel
import RTCModel
import System

// Measures a register read through the access ring to a device process against the same read inside this process.
// Usage: device-bus-bench PATH-OF-ATOLL-RTC [READS]. Build both optimised; the device as it ships (Embedded).

@main struct Main {
  static func main() {
    do {
      try Bench(arguments: CommandLine.arguments).run()
    } catch let error as SystemError {
      Log.line("device-bus-bench: \(error.sentence)")
      Process.exit(1)
    } catch {
      Log.line("device-bus-bench: \(error)")
      Process.exit(1)
    }
  }
}

private struct Bench {
  let program: String
  let reads: Int
  /// A register whose read has no effect: the alarm TOY match 0 of the LS7A RTC.
  let offset: UInt32 = 0x34

  init(arguments: [String]) {
    program = arguments.count > 1 ? arguments[1] : "atoll-rtc"
    reads = arguments.count > 2 ? Int(arguments[2]) ?? 200_000 : 200_000
  }

  func run() throws {
    let ring = try MemoryFile.create("ring", size: AccessRing.segmentSize(vcpus: 1))
    let page = try MemoryFile.create("page", size: StatePage.size(vcpus: 1))
    let wake = try EventCounter()
    let interrupt = try EventCounter()
    let ends = try MessageSocket.pair()
    let channel = Channel(owning: FileDescriptor(owning: ends.0))
    var pidfd: Int32 = -1
    try start(device: ends.1, &pidfd)
    try channel.send(
      Attach(deviceIndex: 0, vcpus: 1, incarnation: 1, resume: false),
      descriptors: [ring.raw, page.raw, wake.descriptor.raw, interrupt.descriptor.raw])
    guard let ready = try channel.receive(), ready.request == .deviceReady else {
      throw SystemError("start of the device", Errno.invalid)
    }
    let link = try DeviceLink(
      segment: ring, vcpus: 1, wake: try wake.descriptor.duplicate(), control: try interrupt.descriptor.duplicate())
    var front = RingFrontEnd(link, vcpu: 0)

    report("in process", inProcess())
    report("over the ring, both awake", measure { _ = front.read(region: 0, offset: offset, size: 4) })
    report(
      "over the ring, device asleep",
      measure(count: 500, pause: 300_000) {
        _ = front.read(region: 0, offset: offset, size: 4)
      })
    _ = atoll_pidfd_signal(pidfd, 9)
  }

  private func inProcess() -> [Int64] {
    var model = RTCDevice(at: Instant(monotonic: Clock.monotonic, realtime: Clock.realtime))
    return measure {
      var effects = Effects()
      let now = Instant(monotonic: Clock.monotonic, realtime: Clock.realtime)
      _ = model.read(Access(region: 0, offset: offset, size: 4), at: now, &effects)
    }
  }

  /// Nanoseconds of each call, sorted. With `pause` the other side has the time to fall asleep in between.
  private func measure(count: Int? = nil, pause: Int64 = 0, _ body: () -> Void) -> [Int64] {
    let count = count ?? reads
    for _ in 0..<min(count, 1000) { body() }
    var times: [Int64] = []
    times.reserveCapacity(count)
    for _ in 0..<count {
      if pause > 0 { _ = try? Poll.wait([(-1, Poll.input)], nanoseconds: pause) }
      let before = Clock.monotonic
      body()
      times.append(Clock.monotonic - before)
    }
    return times.sorted()
  }

  private func report(_ what: String, _ times: [Int64]) {
    let (p50, p99) = (times[times.count / 2], times[times.count * 99 / 100])
    print("\(what): p50 \(p50) ns, p99 \(p99) ns, least \(times[0]) ns, \(times.count) reads")
  }

  private func start(device: Int32, _ pidfd: inout Int32) throws {
    let executable = try FileDescriptor.open(program, flags: 0)
    var step: Int32 = 0
    let result = program.withUTF8Z { name in
      [device, 2].withUnsafeBufferPointer { sources in
        [Int32(3), 2].withUnsafeBufferPointer { targets in
          var request = atoll_spawn_request()
          request.arguments = name
          request.argument_count = 1
          request.executable = executable.raw
          request.sources = sources.baseAddress
          request.targets = targets.baseAddress
          request.descriptor_count = 2
          return atoll_spawn(&request, &pidfd, &step)
        }
      }
    }
    if result < 0 { throw SystemError("spawn of the device", -result) }
    _ = FileDescriptor(owning: device)
  }
}
