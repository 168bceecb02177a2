import Hypervisor
import StateComparison
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
    bench.setIOCSR(0x1004, 0xffff, size: 4, cpu: 1)
    let (saved, lines) = bench.chip.save()
    try other.chip.restore(saved)
    #expect(other.saved == saved.words)
    #expect((0..<4).map { other.chip.lines($0) } == lines)
    #expect((0..<4).map { bench.chip.lines($0) } == lines)
    #expect(other.wakers[2].take())
  }

  @Test func restoredVectors_behaveAsBefore() throws {
    let bench = IRQChipBench.started(edgePins: 0xff)
    bench.setPIC(0x200 + 3, 133, size: 1)
    bench.route(133, to: 8)
    bench.pulse(3)
    let other = IRQChipBench()
    try other.chip.restore(bench.chip.save().state)
    for bench in [bench, other] {
      #expect(bench.pending(3) == [133])
      bench.acknowledge(133, cpu: 3)
      bench.clear(3)
      #expect(bench.chip.lines(3) == 0)
      bench.pulse(3)
      #expect(bench.pending(3) == [133])
    }
    #expect(bench.saved == other.saved)
  }

  @Test func vectorPendingElsewhereThanCOREMAPSays_isMovedWhenItIsAcknowledgedAndRoutedAgain() throws {
    let bench = IRQChipBench(cpus: 2, features: 0b1011)
    // CPU_ENCODE switched on after the route: byte 2 named CPU 1, and now names none.
    bench.setIOCSR(0x1600, .max)
    bench.route(5, to: 2)
    bench.chip.signalMSI(5)
    bench.setIOCSR(0x4000_0004, 0b1010, size: 4)
    let other = IRQChipBench(cpus: 2, features: 0b1011)
    try other.chip.restore(bench.chip.save().state)
    #expect(other.pending(1) == [5])
    other.route(5, to: 0)
    #expect(other.pending(1) == [])
    #expect(other.pending(0) == [5])
  }

  @Test func hostileState_isRefusedAndChangesNothing() throws {
    let good = IRQChipBench.started(edgePins: 1).chip.save().state
    func with(_ change: (inout InterruptControllerState) -> Void) -> InterruptControllerState {
      var state = good
      change(&state)
      return state
    }
    let bad = [
      InterruptControllerState(),
      with { $0.pic.inService = 1 },
      with { $0.extended.status = 1 << 31 },
      with { $0.extended.features = 1 },
      with { $0.extended.pending[0][0] = 1 },
      with { $0.extended.pending.removeLast() },
      with { $0.extended.pending.append(.init(repeating: 0)) },
      with { $0.ipi.removeLast() },
      with { $0.ipi.append(IPIState()) },
      with {
        $0.extended.enable[7] = 0
        $0.extended.request[7] = 1 << 31
        $0.extended.pending[1][7] = 1 << 31
      },
      with {
        $0.extended.request[7] = 1 << 31
        for cpu in 0..<2 { $0.extended.pending[cpu][7] = 1 << 31 }
      },
    ]
    let bench = IRQChipBench()
    let before = bench.saved
    for state in bad {
      #expect(throws: HypervisorError.badState) { try bench.chip.restore(state) }
      #expect(bench.saved == before)
    }
  }

  @Test func anyRouteEntry_isAcceptedAndReadsOne() throws {
    let bench = IRQChipBench()
    var state = bench.chip.save().state
    state.pic.route = .init(repeating: 0)
    try bench.chip.restore(state)
    #expect(bench.pic(0x100) == 0x0101_0101_0101_0101)
  }
}

/// Waits for threads to end.
final class Countdown: Sendable {
  private let left: Atomic<Int>
  init(_ count: Int) { left = Atomic(count) }
  func signal() { left.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
  func wait() { while left.load(ordering: .acquiring) > 0 { spinHint() } }
}
