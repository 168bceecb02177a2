import CSystem
import Glibc
import Hypervisor
import System
import Testing

@testable import SoftHypervisor

/// Eventfds in and out: the rules of KVM_IRQFD and KVM_IOEVENTFD (reference A.7).
@Suite struct IRQFDTests {
  /// Sleeps until CPU 0 has been poked, as a vCPU in `idle` does.
  private func awaitPoke(_ bench: IRQChipBench) {
    while !bench.wakers[0].waitForAttention(nanoseconds: nil) {}
    _ = bench.wakers[0].take()
  }

  @Test func signal_pulsesThePin_eachTime() throws {
    let bench = IRQChipBench.started(edgePins: 1 << 2)
    let table = try IRQFDTable(bench.chip)
    let event = try EventCounter()
    try table.bind(event.descriptor.raw, to: .pin(2))
    for _ in 0..<100 {
      event.signal()
      awaitPoke(bench)
      #expect(bench.pending() == [2])
      bench.acknowledge(2)
      bench.clear(2)
    }
    _ = table
  }

  @Test func signal_raisesTheVector() throws {
    let bench = IRQChipBench.started()
    let table = try IRQFDTable(bench.chip)
    let event = try EventCounter()
    try table.bind(event.descriptor.raw, to: .msi(200))
    event.signal()
    awaitPoke(bench)
    #expect(bench.pending() == [200])
    _ = table
  }

  @Test func alreadyReadableWhenBound_injectsOnce() throws {
    let bench = IRQChipBench.started(edgePins: 1 << 2)
    let table = try IRQFDTable(bench.chip)
    let event = try EventCounter()
    event.signal()
    event.signal()
    try table.bind(event.descriptor.raw, to: .pin(2))
    awaitPoke(bench)
    #expect(bench.pending() == [2])
    _ = table
  }

  @Test func afterUnbind_signalInjectsNothing() throws {
    let bench = IRQChipBench.started(edgePins: 0b1100)
    let table = try IRQFDTable(bench.chip)
    let ended = try EventCounter()
    let other = try EventCounter()
    try table.bind(ended.descriptor.raw, to: .pin(2))
    try table.bind(other.descriptor.raw, to: .pin(3))
    table.unbind(ended.descriptor.raw, from: .pin(3))
    table.unbind(ended.descriptor.raw, from: .pin(2))
    ended.signal()
    other.signal()
    awaitPoke(bench)
    #expect(bench.pending() == [3])
  }

  @Test func bind_takenOrImpossible_isRefused() throws {
    let table = try IRQFDTable(IRQChip())
    let event = try EventCounter()
    let second = try EventCounter()
    try table.bind(event.descriptor.raw, to: .pin(2))
    #expect(throws: HypervisorError.badBinding(3)) { try table.bind(event.descriptor.raw, to: .pin(3)) }
    #expect(throws: HypervisorError.badBinding(64)) { try table.bind(second.descriptor.raw, to: .pin(64)) }
    #expect(throws: HypervisorError.badBinding(256)) { try table.bind(second.descriptor.raw, to: .msi(256)) }
    #expect(throws: HypervisorError.badBinding(1)) { try table.bind(-1, to: .pin(1)) }
    try table.bind(second.descriptor.raw, to: .pin(2))
  }

  @Test(
    arguments: [(4, 0x1234, true), (4, 0x1235, false), (8, 0x1234, false), (2, 0x1234, false)] as [(Int, UInt64, Bool)])
  func doorbellWithLengthAndMatch_ringsForJustThat(size: Int, value: UInt64, rings: Bool) throws {
    let table = DoorbellTable()
    let event = try EventCounter()
    try table.bind(event.descriptor.raw, address: 0x4000_0000, length: 4, match: 0x1234)
    #expect(table.ring(0x4000_0000, size: size, value: value) == rings)
    #expect(event.drain() == (rings ? 1 : 0))
    #expect(!table.ring(0x4000_0004, size: 4, value: 0x1234))
  }

  @Test(arguments: [1, 2, 4, 8])
  func doorbellOfAnyLength_ringsForAll(size: Int) throws {
    let table = DoorbellTable()
    let event = try EventCounter()
    try table.bind(event.descriptor.raw, address: 0x4000_0000, length: 0, match: nil)
    #expect(table.ring(0x4000_0000, size: size, value: 99))
    table.unbind(event.descriptor.raw, address: 0x4000_0000)
    #expect(!table.ring(0x4000_0000, size: size, value: 99))
    #expect(event.drain() == 1)
  }

  @Test func doorbells_withDifferentMatches_shareAnAddress() throws {
    let table = DoorbellTable()
    let first = try EventCounter()
    let second = try EventCounter()
    try table.bind(first.descriptor.raw, address: 0x5000, length: 2, match: 0)
    try table.bind(second.descriptor.raw, address: 0x5000, length: 2, match: 1)
    #expect(throws: HypervisorError.badBinding(0x5000)) {
      try table.bind(second.descriptor.raw, address: 0x5000, length: 2, match: nil)
    }
    #expect(table.ring(0x5000, size: 2, value: 1))
    #expect((first.drain(), second.drain()) == (0, 1))
  }

  @Test(arguments: [(0x1000_0020, 4), (0x2ff0_0000, 4), (0x5000, 3)] as [(UInt64, UInt32)])
  func doorbellInsideTheIRQChipOrOfOddLength_isRefused(address: UInt64, length: UInt32) throws {
    let event = try EventCounter()
    #expect(throws: HypervisorError.badBinding(address)) {
      try DoorbellTable().bind(event.descriptor.raw, address: address, length: length, match: nil)
    }
  }

  @Test func tableHolds256Doorbells_findsEachAndRefusesOneMore() throws {
    let table = DoorbellTable()
    let event = try EventCounter()
    let raw = event.descriptor.raw
    // 16 functions, 64 KiB apart, with 16 queues each, 4 bytes apart: what a PCIe host asks for.
    let addresses = (0..<256 as Range<UInt64>).map { (n: UInt64) -> UInt64 in
      0x4000_4000 + (n % 16) << 16 + (n / 16) * 4
    }
    for address in addresses { try table.bind(raw, address: address, length: 2, match: nil) }
    #expect(throws: HypervisorError.noRoom) { try table.bind(raw, address: 0x5000_0000, length: 2, match: nil) }
    for address in addresses { #expect(table.ring(address, size: 2, value: 0)) }
    #expect(!table.ring(0x4000_4002, size: 2, value: 0))
    for address in addresses.shuffled()[..<200] {
      table.unbind(raw, address: address)
      #expect(!table.ring(address, size: 2, value: 0))
    }
    try table.bind(raw, address: 0x5000_0000, length: 2, match: nil)
    #expect(table.ring(0x5000_0000, size: 2, value: 0))
    #expect(addresses.filter { table.ring($0, size: 2, value: 0) }.count == 56)
  }

  /// A holder of the doorbell's eventfd can make it blocking and fill it; the vCPU then waits in the kernel.
  @Test func unbindOfAFullBlockingDoorbell_letsTheWaitingVCPUGo() throws {
    let table = DoorbellTable()
    let event = try EventCounter()
    let raw = event.descriptor.raw
    var most: UInt64 = .max - 1
    #expect(write(raw, &most, 8) == 8)
    #expect(atoll_set_nonblocking(raw, 0) == 0)
    try table.bind(raw, address: 0x6000, length: 2, match: nil)
    let rung = try EventCounter()
    let done = rung.descriptor.raw
    try Thread.start {
      _ = table.ring(0x6000, size: 2, value: 0)
      _ = atoll_eventfd_signal(done)
    }
    // Long enough to be in the kernel; if it is not, the test is only weaker.
    #expect(try Poll.wait([(done, Poll.input)], nanoseconds: 50_000_000) == [0])
    table.unbind(raw, address: 0x6000)
    #expect(try Poll.wait([(done, Poll.input)], nanoseconds: 10_000_000_000) != [0])
  }

  @Test func tableHolds256Eventfds_andRefusesOneMore() throws {
    let table = try IRQFDTable(IRQChip())
    let events = try (0..<257).map { _ in try EventBox() }
    for (index, event) in events.dropLast().enumerated() {
      try table.bind(event.counter.descriptor.raw, to: .msi(UInt32(64 + index % 192)))
    }
    #expect(throws: HypervisorError.noRoom) { try table.bind(events[256].counter.descriptor.raw, to: .msi(64)) }
  }

  @Test func doorbellsComeAndGo_whileOthersRing() throws {
    let table = DoorbellTable()
    let steady = try EventCounter()
    try table.bind(steady.descriptor.raw, address: 0x6000, length: 4, match: nil)
    let finished = Countdown(2)
    for _ in 0..<2 {
      try Thread.start {
        for _ in 0..<2000 {
          _ = table.ring(0x6000, size: 4, value: 0)
          _ = table.ring(0x7000, size: 4, value: 0)
        }
        finished.signal()
      }
    }
    for _ in 0..<200 {
      let event = try EventCounter()
      try table.bind(event.descriptor.raw, address: 0x7000, length: 4, match: nil)
      table.unbind(event.descriptor.raw, address: 0x7000)
    }
    finished.wait()
    #expect(steady.drain() == 4000)
  }
}

private final class EventBox {
  let counter: EventCounter
  init() throws { counter = try EventCounter() }
}
