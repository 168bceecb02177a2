import DeviceBus
import DeviceModel
import DeviceProcess
import FakeDevice
import System
import Testing

/// Copies everything that outlives a device process at each point between two of its stores.
private final class Recorder: StoreProbe {
  struct Moment {
    var ring: [UInt8]
    var page: [UInt8]
    var console: [UInt8]
    var powerOffs: Int
    var pulses: Int
  }

  let memory: Memory
  let supervisor: Supervisor
  var moments: [Moment] = []
  var powerOffs = 0
  var pulses = 0
  var points = 0
  /// The one point to copy; nil for all.
  let only: Int?

  init(_ memory: Memory, _ supervisor: Supervisor, only: Int? = nil) {
    (self.memory, self.supervisor, self.only) = (memory, supervisor, only)
  }

  func point() {
    points += 1
    guard only == nil || only == points else { return }
    powerOffs += supervisor.drain().filter { $0 == .machineEvent }.count
    pulses += memory.segments.interrupt.drain()
    moments.append(
      Moment(
        ring: memory.bytes(memory.ring), page: memory.bytes(memory.page), console: memory.bytes(memory.console),
        powerOffs: powerOffs, pulses: pulses))
  }
}

/// The segments of a device, mapped in the test.
private final class Memory {
  let segments: Segments
  let ring: Mapping
  let page: Mapping
  let console: Mapping

  init() throws {
    segments = try Segments(vcpus: 2)
    ring = try Mapping.shared(segments.ring, size: AccessRing.segmentSize(vcpus: 2))
    page = try Mapping.shared(segments.page, size: StatePage.size(vcpus: 2))
    console = try Mapping.shared(segments.console, size: ConsoleSegment.size)
  }

  func bytes(_ mapping: borrowing Mapping) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: mapping.base, count: mapping.size))
  }

  func fill(_ moment: Recorder.Moment) {
    for (base, bytes) in [(ring.base, moment.ring), (page.base, moment.page), (console.base, moment.console)] {
      base.copyMemory(from: bytes, byteCount: bytes.count)
    }
  }

  /// Overwrites the slot that the generation does not name, as a death in the middle of writing it would.
  func scribbleDraft(seed: UInt64) {
    var random = Random(seed: seed)
    let generation = page.base.load(fromByteOffset: 24, as: UInt64.self)
    let slotSize = (page.size - 64) / 2
    let start = 64 + Int((generation + 1) & 1) * slotSize
    for i in stride(from: start, to: start + slotSize, by: 8) {
      page.base.storeBytes(of: random.next(), toByteOffset: i, as: UInt64.self)
    }
  }

  func runner<P: StoreProbe>(resume: Bool, probe: (Supervisor) -> P) throws -> Runner<TallyDevice, P> {
    let wake = try EventCounter()
    let (supervisor, device) = try segments.attach(incarnation: resume ? 2 : 1, resume: resume, wake: wake)
    self.supervisor = supervisor
    return try Runner<TallyDevice, P>.start(
      channel: Channel(owning: FileDescriptor(owning: device)), kind: 1, clockPerAccess: false, probe: probe(supervisor)
    )
  }
  var supervisor: Supervisor?

  /// What the guest, the terminal and the supervisor have in the end.
  func outcome() -> Outcome {
    var replies: [UInt64] = []
    for vcpu in 0..<2 {
      let head = ring.base.load(fromByteOffset: ScriptedAccess.head(vcpu), as: UInt64.self)
      #expect(ring.base.load(fromByteOffset: ScriptedAccess.tail(vcpu), as: UInt64.self) == head)
      for sequence in 1...max(1, head) {
        replies.append(ring.base.load(fromByteOffset: ScriptedAccess.slot(vcpu, sequence) + 24, as: UInt64.self))
      }
    }
    let produced = console.base.load(as: UInt64.self)
    let consumed = console.base.load(fromByteOffset: 128 + 65536 + 64, as: UInt64.self)
    let output = (0..<Int(produced)).map { console.base.load(fromByteOffset: 128 + $0, as: UInt8.self) }
    let generation = page.base.load(fromByteOffset: 24, as: UInt64.self)
    let slot = 64 + Int(generation & 1) * ((page.size - 64) / 2)
    let model = (0..<64).map { page.base.load(fromByteOffset: slot + $0, as: UInt8.self) }
    return Outcome(replies: replies, output: output, consumed: consumed, model: model)
  }
}

private struct Outcome: Equatable {
  var replies: [UInt64]
  var output: [UInt8]
  var consumed: UInt64
  var model: [UInt8]

  /// With one ring everything must be the same. Which of two rings comes first is nobody's promise: then each access and
  /// each byte must be there once, the bytes of one ring in order.
  func agrees(with other: Outcome, rings: Int) -> Bool {
    if rings == 1 { return self == other }
    return output.sorted() == other.output.sorted() && consumed == other.consumed
      && model[..<8] == other.model[..<8] && isInOrder(0) && isInOrder(1)
  }

  /// Bytes are numbered in the order in which they were sent, even ones by ring 0.
  private func isInOrder(_ ring: UInt8) -> Bool {
    let bytes = output.filter { ($0 - 0x41) % 2 == ring }
    return bytes == bytes.sorted()
  }
}

private func script(vcpus: [Int]) -> [ScriptedAccess] {
  var all: [ScriptedAccess] = []
  for i in 0..<60 {
    let vcpu = vcpus[i % vcpus.count]
    switch i % 7 {
    case 0, 3: all.append(ScriptedAccess(vcpu: vcpu, region: 0, offset: 0, value: nil))
    case 1, 4: all.append(ScriptedAccess(vcpu: vcpu, region: 0, offset: 8, value: UInt64(0x41 + i)))
    case 2: all.append(ScriptedAccess(vcpu: vcpu, region: 1, offset: 0, value: i == 30 ? 0xdead : UInt64(i)))
    case 5: all.append(ScriptedAccess(vcpu: vcpu, region: 0, offset: 24, value: nil))
    default: all.append(ScriptedAccess(vcpu: vcpu, region: 7, offset: 0, value: 1))
    }
  }
  return all
}

private func finish<P: StoreProbe>(_ runner: inout Runner<TallyDevice, P>) throws {
  while try runner.core.pump() {}
  while try runner.core.serveNext() { while try runner.core.pump() {} }
}

private func prepared(vcpus: [Int]) throws -> Memory {
  let memory = try Memory()
  // Typed before the device starts: the input ring is the second half of the segment.
  for i in 0..<40 { memory.console.base.storeBytes(of: UInt8(i), toByteOffset: 128 + 65536 + 128 + i, as: UInt8.self) }
  memory.console.base.storeBytes(of: 40, toByteOffset: 128 + 65536, as: UInt64.self)
  for access in script(vcpus: vcpus) { access.send(memory.ring.base) }
  return memory
}

@Test(arguments: [[0], [1], [0, 1]])
func deviceThatDiesBetweenAnyTwoStoresAppliesEveryAccessAndByteExactlyOnce(vcpus: [Int]) throws {
  let undisturbed = try prepared(vcpus: vcpus)
  var recorder: Recorder?
  var runner = try undisturbed.runner(resume: false) { supervisor in
    let made = Recorder(undisturbed, supervisor)
    recorder = made
    return made
  }
  try finish(&runner)
  recorder?.point()
  let expected = undisturbed.outcome()
  let moments = try #require(recorder).moments
  #expect(moments.count > 250)
  #expect(expected.output.count == 17)

  for (number, moment) in moments.enumerated() {
    let memory = try Memory()
    memory.fill(moment)
    memory.scribbleDraft(seed: UInt64(number))
    var next = try memory.runner(resume: true) { _ in NoProbe() }
    try finish(&next)
    let agrees = memory.outcome().agrees(with: expected, rings: vcpus.count)
    #expect(agrees, "death at point \(number)")
    let powerOffs = moment.powerOffs + (memory.supervisor?.drain().filter { $0 == .machineEvent }.count ?? 0)
    #expect((1...2).contains(powerOffs), "death at point \(number)")
    #expect(moment.pulses + memory.segments.interrupt.drain() >= 1)
  }
}

// Taking over passes up to eight points: a shorter life can make no progress.
@Test(arguments: 9...16, [[0], [1], [0, 1]])
func deviceWhoseEveryIncarnationDiesEarlyStillAppliesEveryAccessOnce(life: Int, vcpus: [Int]) throws {
  let undisturbed = try prepared(vcpus: vcpus)
  var whole = try undisturbed.runner(resume: false) { _ in NoProbe() }
  try finish(&whole)
  let memory = try prepared(vcpus: vcpus)

  var incarnations = 0
  var finished = false
  while !finished, incarnations < 1000 {
    var recorder: Recorder?
    var runner = try memory.runner(resume: incarnations > 0) { supervisor in
      let made = Recorder(memory, supervisor, only: life)
      recorder = made
      return made
    }
    try finish(&runner)
    incarnations += 1
    if let moment = recorder?.moments.first {
      memory.fill(moment)
      memory.scribbleDraft(seed: UInt64(incarnations))
    } else {
      finished = true
    }
  }

  #expect(finished)
  let agrees = memory.outcome().agrees(with: undisturbed.outcome(), rings: vcpus.count)
  #expect(agrees)
}
