import Hypervisor
import Synchronization
import System
import Testing

@testable import SoftHypervisor

/// Waking, several threads at once, and saved states.
@Suite struct IRQChipStateTests {
  @Test func raisedLine_pokesOnlyItsCPU() {
    let bench = IRQChipBench.started()
    bench.route(70, to: 4)
    bench.chip.signalMSI(70)
    #expect(bench.wakers.map { $0.take() } == [false, false, true, false])
    bench.chip.signalMSI(70)
    #expect(bench.wakers.map { $0.take() } == [false, false, false, false])
  }

  @Test func waitForAttention_returnsWhenPoked() throws {
    let bench = IRQChipBench.started()
    let waker = bench.wakers[0]
    #expect(!waker.waitForAttention(nanoseconds: 1_000_000))
    try Thread.start { bench.chip.signalMSI(70) }
    while !waker.waitForAttention(nanoseconds: nil) {}
    #expect(waker.take())
    #expect(bench.chip.lines(0) == hardwareLine(1))
  }

  @Test func sleeperAndPoker_noPokeIsLost() throws {
    let waker = VCPUWaker()
    let shared = Shared(waker: waker)
    try Thread.start { shared.answer(2000) }
    for round in 1...2000 {
      waker.poke()
      while shared.seen < round { spinHint() }
    }
    #expect(shared.seen == 2000)
  }

  /// Counts the pokes that its thread sees.
  private final class Shared: Sendable {
    let waker: VCPUWaker
    private let count = Atomic<Int>(0)
    init(waker: VCPUWaker) { self.waker = waker }
    var seen: Int { count.load(ordering: .acquiring) }
    func answer(_ rounds: Int) {
      while seen < rounds {
        if waker.waitForAttention(nanoseconds: nil), waker.take() { count.wrappingAdd(1, ordering: .releasing) }
      }
    }
  }

  @Test func threadsAtOnce_endInTheStateOfTheirSum() throws {
    let bench = IRQChipBench.started(edgePins: .max)
    let finished = Countdown(4)
    for thread in 0..<4 {
      try Thread.start {
        for round in 0..<2000 {
          bench.chip.setPin(thread * 16 + round % 16, level: true)
          bench.setIOCSR(0x1040, UInt64(thread) << 16 | UInt64(round % 32), size: 4, cpu: thread)
          bench.chip.signalMSI(UInt32(128 + thread * 32 + round % 32))
          _ = bench.pending(thread)
        }
        finished.signal()
      }
    }
    finished.wait()
    #expect(bench.pic(0x380) == .max)
    #expect(bench.pending(0) == Array(0..<32) + Array(128..<256))
    for cpu in 0..<4 { #expect(bench.iocsr(0x1000, size: 4, cpu: cpu) == 0xffff_ffff) }
    #expect(bench.chip.lines(0) == ipiLine | hardwareLine(1))
  }

  @Test func savedAndRestored_isTheSame() throws {
    let bench = IRQChipBench.started(edgePins: 0xff)
    bench.route(70, to: 4)
    bench.chip.signalMSI(70)
    bench.pulse(3)
    bench.setIOCSR(0x1048, 0x1234 << 32 | 1 << 16)
    bench.setIOCSR(0x1040, 3 << 16 | 5, size: 4)
    let other = IRQChipBench()
    let saved = bench.chip.save()
    #expect(saved.count == IRQChip.stateWords)
    try other.chip.restore(saved)
    #expect(other.chip.save() == saved)
    for cpu in 0..<4 { #expect(other.chip.lines(cpu) == bench.chip.lines(cpu)) }
    #expect(other.wakers[2].take())
  }

  @Test func restoredBeforeAttach_theVCPUIsPokedWhenItComes() throws {
    let bench = IRQChipBench.started()
    bench.chip.signalMSI(70)
    let chip = IRQChip()
    try chip.restore(bench.chip.save())
    let waker = VCPUWaker()
    _ = chip.attach(cpu: 0, waker: waker)
    #expect(waker.take())
    #expect(chip.lines(0) == hardwareLine(1))
  }

  @Test func hostileState_isRefusedAndChangesNothing() throws {
    let good = IRQChipBench.started(edgePins: 1).chip.save()
    var bad: [[UInt64]] = [[], Array(good.dropLast()), good + [0]]
    func with(_ index: Int, _ value: UInt64) {
      var state = good
      state[index] = value
      bad.append(state)
    }
    with(0, 0)
    with(6, 1)  // ISR without IRR.
    with(15, 1 << 63)  // A status that the features do not allow.
    with(15, 1)  // Other features.
    with(15 + 82, 1)  // Pending without a request.
    let bench = IRQChipBench()
    let before = bench.chip.save()
    for state in bad {
      #expect(throws: HypervisorError.badState) { try bench.chip.restore(state) }
      #expect(bench.chip.save() == before)
    }
  }
}

/// Waits for threads to end.
final class Countdown: Sendable {
  private let left: Atomic<Int>
  init(_ count: Int) { left = Atomic(count) }
  func signal() { left.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
  func wait() { while left.load(ordering: .acquiring) > 0 { spinHint() } }
}
