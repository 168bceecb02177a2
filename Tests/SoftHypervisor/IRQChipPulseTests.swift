import Testing

@testable import SoftHypervisor

/// What an edge pulse must and must not do: reference, section I.
@Suite struct IRQChipPulseTests {
  @Test func pulseTwiceBeforeAcknowledge_isOneInterrupt() {
    let bench = IRQChipBench.started(edgePins: 1 << 2)
    bench.pulse(2)
    bench.pulse(2)
    #expect(bench.pending() == [2])
    #expect(bench.chip.lines(0) == hardwareLine(1))
    bench.acknowledge(2)
    bench.clear(2)
    #expect(bench.pending() == [])
    #expect(bench.chip.lines(0) == 0)
  }

  @Test func pulseAfterClear_isSecondInterrupt() {
    let bench = IRQChipBench.started(edgePins: 1 << 2)
    bench.pulse(2)
    bench.acknowledge(2)
    bench.clear(2)
    bench.pulse(2)
    #expect(bench.pending() == [2])
    #expect(bench.chip.lines(0) == hardwareLine(1))
  }

  @Test func pulseWhileMasked_clearThenUnmask_isNoInterrupt() {
    let bench = IRQChipBench.started(edgePins: 1 << 2)
    bench.setPIC(0x20, .max)
    bench.pulse(2)
    bench.clear(2)
    bench.setPIC(0x20, ~(1 << 2))
    #expect(bench.pending() == [])
    #expect(bench.chip.lines(0) == 0)
  }

  @Test func pulseWhileMasked_unmaskOnly_isInterrupt() {
    let bench = IRQChipBench.started(edgePins: 1 << 2)
    bench.setPIC(0x20, .max)
    bench.pulse(2)
    #expect(bench.pic(0x380) == 4)
    #expect(bench.pending() == [])
    bench.setPIC(0x20, ~(1 << 2))
    #expect(bench.pending() == [2])
  }

  @Test func pulseWhileVectorDisabled_enable_isInterrupt() {
    let bench = IRQChipBench.started(edgePins: 1 << 2)
    bench.setIOCSR(0x1600, 0)
    bench.pulse(2)
    #expect(bench.chip.lines(0) == 0)
    bench.setIOCSR(0x1600, .max)
    #expect(bench.pending() == [2])
    #expect(bench.chip.lines(0) == hardwareLine(1))
  }

  @Test func twoVectorsOfOneLine_lineDropsWithTheLast() {
    let bench = IRQChipBench.started(edgePins: 0b1100)
    bench.pulse(2)
    bench.pulse(3)
    bench.acknowledge(2)
    #expect(bench.chip.lines(0) == hardwareLine(1))
    bench.acknowledge(3)
    #expect(bench.chip.lines(0) == 0)
  }

  @Test func vectorOtherThanPin_isWhatAppears() {
    let bench = IRQChipBench.started(edgePins: 1 << 2)
    bench.setPIC(0x202, 201, size: 1)
    bench.pulse(2)
    #expect(bench.pending() == [201])
  }

  @Test func levelPinHigh_unmaskRaisesAgain_untilLow() {
    let bench = IRQChipBench.started()
    bench.setPIC(0x20, ~(1 << 3))
    bench.chip.setPin(3, level: true)
    for _ in 0..<3 {
      bench.setPIC(0x20, .max)
      bench.acknowledge(3)
      #expect(bench.chip.lines(0) == 0)
      bench.clear(3)
      bench.setPIC(0x20, ~(1 << 3))
      #expect(bench.pending() == [3])
    }
    bench.chip.setPin(3, level: false)
    #expect(bench.pending() == [])
    #expect(bench.pic(0x380) == 0)
    #expect(bench.chip.lines(0) == 0)
  }

  @Test(arguments: [(0, 0), (63, 0), (64, 1), (127, 1), (128, 2), (191, 2), (192, 3), (255, 3)])
  func routeMultipleLines_vectorToLine(vector: Int, line: Int) {
    let bench = IRQChipBench.started()
    bench.setIOCSR(0x14c0, 0x0808_0404_0202_0101)
    bench.chip.signalMSI(UInt32(vector))
    #expect(bench.chip.lines(0) == hardwareLine(line))
    bench.acknowledge(vector)
    #expect(bench.chip.lines(0) == 0)
  }

  @Test func fallingEdgeOfEdgePin_isIgnored() {
    let bench = IRQChipBench.started(edgePins: 1 << 7)
    bench.pulse(7)
    bench.chip.setPin(7, level: false)
    #expect(bench.pending() == [7])
    #expect(bench.pic(0x3a0) == 1 << 7)
  }

  @Test func maskingAPendingPin_keepsTheInterrupt() {
    let bench = IRQChipBench.started(edgePins: 1 << 7)
    bench.pulse(7)
    bench.setPIC(0x20, .max)
    #expect(bench.pending() == [7])
  }

  @Test func msiAcknowledged_enableToggle_comesOnceMore() {
    let bench = IRQChipBench.started()
    bench.chip.signalMSI(80)
    bench.acknowledge(80)
    bench.setIOCSR(0x1608, 0)
    #expect(bench.pending() == [])
    bench.setIOCSR(0x1608, .max)
    #expect(bench.pending() == [80])
  }
}
