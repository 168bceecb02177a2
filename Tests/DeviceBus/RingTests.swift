import DeviceBus
import Synchronization
import System
import Testing

/// A ring segment with a link, a front end and a device end, in one process.
private final class Bench: Sendable {
  let link: DeviceLink
  let memory: Mapping
  let segment: FileDescriptor
  let wake: EventCounter
  let control: EventCounter

  init(vcpus: Int = 1) throws {
    segment = try MemoryFile.create("ring", size: AccessRing.segmentSize(vcpus: vcpus))
    memory = try Mapping.shared(segment, size: AccessRing.segmentSize(vcpus: vcpus))
    wake = try EventCounter()
    control = try EventCounter()
    link = try DeviceLink(
      segment: segment, vcpus: vcpus, wake: try wake.descriptor.duplicate(), control: try control.descriptor.duplicate()
    )
  }

  func backEnd(vcpus: Int = 1, regions: [UInt32] = [32, 8]) throws -> RingBackEnd {
    RingBackEnd(
      segment: try Mapping.shared(segment, size: AccessRing.segmentSize(vcpus: vcpus)), vcpus: vcpus,
      regionSizes: regions, applied: [UInt64](repeating: 0, count: vcpus))
  }

  func store(_ value: UInt64, at offset: Int) {
    (memory.base + offset).assumingMemoryBound(to: Atomic<UInt64>.self).pointee.store(value, ordering: .releasing)
  }
}

private let head = 128
private let tail = 192
private let slots = 320

/// A thread whose end can be awaited.
private final class Runner: Sendable {
  private let done: EventCounter
  init(_ body: @escaping @Sendable () -> Void) throws {
    done = try EventCounter()
    try Thread.start { [self] in
      body()
      done.signal()
    }
  }
  func ended(within seconds: Double = 10) -> Bool {
    ((try? Poll.wait([(done.descriptor.raw, Poll.input)], nanoseconds: Int64(seconds * 1e9)))?.first ?? 0) != 0
  }
}

@Test func postedWritesWaitForRoomAndArriveInOrder() throws {
  let bench = try Bench()
  let writer = try Runner {
    var ring = RingFrontEnd(bench.link, vcpu: 0)
    for i in 0..<1000 { _ = ring.write(region: 1, offset: 0, size: 4, value: UInt64(i), posted: true) }
  }
  var device = try bench.backEnd()
  var seen: [UInt64] = []
  while seen.count < 1000 {
    guard let pending = try device.next() else { continue }
    seen.append(pending.value)
    _ = device.complete(vcpu: 0, sequence: pending.sequence, reply: 0)
  }
  #expect(writer.ended())
  #expect(seen == Array(0..<1000))
  #expect(bench.link.accesses == 1000)
}

@Test func readsFromTwoVCPUsEachGetTheirOwnAnswerAlsoWhenBothSidesSleep() throws {
  let bench = try Bench(vcpus: 2)
  let wrong = Atomic<Int>(0)
  let readers = try (0..<2).map { vcpu in
    try Runner {
      var ring = RingFrontEnd(bench.link, vcpu: vcpu)
      for i in 0..<2000 {
        let offset = UInt32((i * 2 + vcpu) % 24)
        if ring.read(region: 0, offset: offset, size: 8) != UInt64(offset) << 8 | UInt64(vcpu) {
          wrong.add(1, ordering: .relaxed)
        }
      }
    }
  }
  var device = try bench.backEnd(vcpus: 2)
  var served = 0
  while served < 4000 {
    if let pending = try device.next(), let access = pending.access {
      let reply = UInt64(access.offset) << 8 | UInt64(pending.vcpu)
      _ = device.complete(vcpu: pending.vcpu, sequence: pending.sequence, reply: reply)
      served += 1
    } else if device.announceSleep() {
      let ready = try Poll.wait([(bench.wake.descriptor.raw, Poll.input)], nanoseconds: 5_000_000_000)
      #expect(ready[0] != 0, "a wake was lost")
      bench.wake.drain()
      device.announceAwake()
    }
  }
  #expect(readers.allSatisfy { $0.ended() })
  #expect(wrong.load(ordering: .relaxed) == 0)
}

@Test func replyIsCutToTheSizeOfTheAccess() throws {
  let bench = try Bench()
  let value = Atomic<UInt64>(0)
  let reader = try Runner {
    var ring = RingFrontEnd(bench.link, vcpu: 0)
    value.store(ring.read(region: 0, offset: 0, size: 1) ?? 0, ordering: .relaxed)
  }
  var device = try bench.backEnd()
  while !device.hasWork() {}
  _ = try device.next()
  _ = device.complete(vcpu: 0, sequence: 1, reply: .max)
  #expect(reader.ended())
  #expect(value.load(ordering: .relaxed) == 0xff)
}

enum Ending: CaseIterable {
  case stop, abandon
}

@Test(arguments: Ending.allCases) func waitingAccessEndsWhenTheMachineOrTheDeviceDoes(ending: Ending) throws {
  let bench = try Bench()
  let result = Mutex<UInt64?>(1)
  let reader = try Runner {
    var ring = RingFrontEnd(bench.link, vcpu: 0)
    let value = ring.read(region: 0, offset: 0, size: 4)
    result.withLock { $0 = value }
  }
  // Long enough that it sleeps.
  #expect(!reader.ended(within: 0.02))
  if ending == .stop { bench.link.stop() } else { bench.link.abandon() }
  #expect(reader.ended())
  #expect(result.withLock { $0 } == (ending == .stop ? nil : 0xffff_ffff))

  var ring = RingFrontEnd(bench.link, vcpu: 0)
  let read = ring.read(region: 0, offset: 0, size: 2)
  let wrote = ring.write(region: 0, offset: 0, size: 2, value: 1, posted: false)
  #expect(read == (ending == .stop ? nil : 0xffff))
  #expect(wrote == (ending == .abandon))
}

@Test(arguments: [(UInt64(5), RingFault.tailBeyondHead), (.max, .tailBeyondHead)])
func tailBeyondTheHeadIsReportedOnceAndTheAccessWaitsForABetterDevice(tail value: UInt64, fault: RingFault) throws {
  let bench = try Bench()
  let reader = try Runner {
    var ring = RingFrontEnd(bench.link, vcpu: 0)
    _ = ring.read(region: 0, offset: 0, size: 4)
  }
  bench.store(value, at: tail)
  let ready = try Poll.wait([(bench.control.descriptor.raw, Poll.input)], nanoseconds: 5_000_000_000)
  #expect(ready[0] != 0)
  #expect(bench.link.takeFault() == fault)
  #expect(bench.link.takeFault() == nil)
  #expect(!reader.ended(within: 0.02))

  bench.link.detach()
  var device = try bench.backEnd()
  let answered = device.answerAgain(vcpu: 0, sequence: 0, reply: 0)
  #expect(answered)
  let wake = try EventCounter()
  try bench.link.reattach(wake: try wake.descriptor.duplicate())
  #expect(wake.drain() == 1)
  _ = try device.next()
  _ = device.complete(vcpu: 0, sequence: 1, reply: 0)
  #expect(reader.ended())
}

@Test func tailThatWentBackIsReported() throws {
  let bench = try Bench()
  let writer = try Runner {
    var ring = RingFrontEnd(bench.link, vcpu: 0)
    for _ in 0..<64 { _ = ring.write(region: 0, offset: 0, size: 4, value: 0, posted: true) }
    bench.store(2, at: tail)
    // The ring is full: the first of these looks at the tail and takes it, the third finds it moved back.
    for _ in 0..<2 { _ = ring.write(region: 0, offset: 0, size: 4, value: 0, posted: true) }
    bench.store(1, at: tail)
    _ = ring.write(region: 0, offset: 0, size: 4, value: 0, posted: true)
  }
  let ready = try Poll.wait([(bench.control.descriptor.raw, Poll.input)], nanoseconds: 5_000_000_000)
  #expect(ready[0] != 0)
  #expect(bench.link.takeFault() == .tailWentBack)
  bench.link.stop()
  #expect(writer.ended())
}

@Test func headFurtherThanARingAheadOrBehindIsRefused() throws {
  let bench = try Bench()
  var device = try bench.backEnd()
  for value in [65, 1 << 40, UInt64.max] {
    bench.store(value, at: head)
    let (checked, taken) = (try? device.checkHeads(), try? device.next())
    #expect(checked == nil)
    #expect(taken == nil)
  }
}

@Test(arguments: [
  (region: 2, size: 4, offset: 0), (region: 255, size: 4, offset: 0), (region: 0, size: 3, offset: 0),
  (region: 0, size: 0, offset: 0), (region: 0, size: 16, offset: 0), (region: 0, size: 4, offset: 29),
  (region: 0, size: 1, offset: 32), (region: 1, size: 8, offset: 1), (region: 0, size: 8, offset: 0xffff_fffc),
]) func malformedAccessIsGivenOutAsRefused(region: Int, size: Int, offset: Int) throws {
  let bench = try Bench()
  var device = try bench.backEnd()
  bench.store(1, at: slots)
  bench.store(UInt64(region) | UInt64(size) << 8 | UInt64(offset) << 32, at: slots + 8)
  bench.store(1, at: head)
  let next = try device.next()
  let pending = try #require(next)
  #expect(pending.access == nil)
  #expect(pending.sequence == 1)
}

@Test func accessAtTheLastByteOfARegionIsTaken() throws {
  let bench = try Bench()
  var device = try bench.backEnd()
  bench.store(1, at: slots)
  bench.store(0 | 8 << 8 | 1 << 16 | 24 << 32, at: slots + 8)
  bench.store(77, at: slots + 16)
  bench.store(1, at: head)
  let next = try device.next()
  let pending = try #require(next)
  #expect(pending.access == RingAccess(region: 0, size: 8, isWrite: true, offset: 24))
  #expect(pending.value == 77)
}

@Test func slotOfAnotherSequenceOrWithUnknownFlagsIsRefused() throws {
  let bench = try Bench()
  var device = try bench.backEnd()
  bench.store(65, at: slots)
  bench.store(4 << 8, at: slots + 8)
  bench.store(1, at: head)
  var pending = try device.next()
  #expect(pending?.access == nil)
  bench.store(1, at: slots)
  bench.store(4 << 8 | 1 << 17, at: slots + 8)
  pending = try device.next()
  #expect(pending?.access == nil)
}

@Test func randomSegmentsNeverTrapTheDevice() throws {
  var random = SystemRandomNumberGenerator()
  for _ in 0..<500 {
    let bench = try Bench(vcpus: 2)
    for offset in stride(from: 0, to: bench.memory.size, by: 8) {
      bench.store(Bool.random() ? random.next() : random.next() % 130, at: offset)
    }
    var device = try bench.backEnd(vcpus: 2)
    for _ in 0..<200 {
      guard let pending = try? device.next() else { break }
      _ = device.complete(vcpu: pending.vcpu, sequence: pending.sequence, reply: 0)
    }
    _ = RingBackEnd.coldStart(segment: bench.memory, vcpus: 2)
  }
}

@Test func segmentThatCanShrinkOrIsTooSmallIsRefused() throws {
  let small = try MemoryFile.create("ring", size: 4096)
  let wake = try EventCounter()
  #expect(throws: SystemError.self) {
    _ = try DeviceLink(
      segment: small, vcpus: 200, wake: try wake.descriptor.duplicate(), control: try wake.descriptor.duplicate())
  }
  #expect(throws: SystemError.self) {
    _ = try DeviceLink(
      segment: wake.descriptor, vcpus: 1, wake: try wake.descriptor.duplicate(),
      control: try wake.descriptor.duplicate())
  }
}
