import DeviceBus
import System
import Testing

private let identity = StateIdentity(kind: 7, deviceIndex: 1, vcpus: 3, stateSize: 64)

private func mapping(_ file: borrowing FileDescriptor) throws -> Mapping {
  try Mapping.shared(file, size: StatePage.size(vcpus: 3))
}
private func file() throws -> FileDescriptor { try MemoryFile.create("page", size: StatePage.size(vcpus: 3)) }

@Test func publishedStateIsWhatTheNextIncarnationReads() throws {
  let file = try file()
  var page = StatePage(cold: try mapping(file), identity: identity, applied: [0, 5, 0], backEnd: BackEndState())
  #expect(try !StatePage.isPublished(mapping(file)))
  for round in 1...9 {
    var state = page.backEnd
    state.outCount += 3
    state.inCount += 1
    state.interrupt = round % 2 == 0
    state.machineEvent = 2
    page.draft().storeBytes(of: UInt64(round), as: UInt64.self)
    page.publish(state, vcpu: round % 3, entry: RingEntry(sequence: UInt64(round + 10), reply: UInt64(round * 100)))
  }

  let next = try StatePage(resuming: mapping(file), identity: identity)

  #expect(try StatePage.isPublished(mapping(file)))
  #expect(next.applied() == [19, 17, 18])
  #expect(next.entry(1) == RingEntry(sequence: 17, reply: 700))
  #expect(next.backEnd == page.backEnd)
  #expect(next.modelState().first == 9)
}

@Test func publicationWithoutAnAccessKeepsEveryRingsEntry() throws {
  let file = try file()
  var page = StatePage(cold: try mapping(file), identity: identity, applied: [0, 0, 0], backEnd: BackEndState())
  page.publish(BackEndState(), vcpu: 2, entry: RingEntry(sequence: 4, reply: 44))
  for _ in 0..<5 {
    page.publish(BackEndState(), vcpu: nil, entry: RingEntry())
    let seen = try StatePage(resuming: mapping(file), identity: identity).entry(2)
    #expect(seen == RingEntry(sequence: 4, reply: 44))
  }
}

@Test(arguments: [0, 8, 12, 16, 20, 32]) func headerOfAnotherPageIsRefused(offset: Int) throws {
  let file = try file()
  var page = StatePage(cold: try mapping(file), identity: identity, applied: [0, 0, 0], backEnd: BackEndState())
  page.publish(BackEndState(), vcpu: nil, entry: RingEntry())
  let memory = try mapping(file)
  let byte = memory.base.load(fromByteOffset: offset, as: UInt8.self)
  memory.base.storeBytes(of: byte ^ 1, toByteOffset: offset, as: UInt8.self)
  #expect(throws: StatePageError.self) { _ = try StatePage(resuming: mapping(file), identity: identity) }
}

@Test func randomPagesNeverTrap() throws {
  var random = SystemRandomNumberGenerator()
  let file = try file()
  for _ in 0..<300 {
    var page = StatePage(cold: try mapping(file), identity: identity, applied: [0, 0, 0], backEnd: BackEndState())
    page.publish(BackEndState(), vcpu: nil, entry: RingEntry())
    let memory = try mapping(file)
    for offset in stride(from: 24, to: memory.size, by: 8) where offset != 32 {
      memory.base.storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
    }
    guard var next = try? StatePage(resuming: mapping(file), identity: identity) else { continue }
    _ = next.modelState()
    next.publish(next.backEnd, vcpu: 2, entry: RingEntry(sequence: .max, reply: 0))
  }
}

@Test func sizeOfTheLargestPageIsAsSpecified() {
  // README: 64 + 2 * (1024 + 64 + 16 * vCPUs, rounded up to 64).
  #expect(StatePage.size(vcpus: 256) == 64 + 2 * (1024 + 64 + 4096))
  #expect(StatePage.size(vcpus: 1) == 64 + 2 * (1024 + 64 + 64))
}
