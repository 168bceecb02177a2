import Testing

@testable import SoftHypervisor

/// Register by register: reference B.1, C.2, C.3, C.4.
@Suite struct IRQChipRegisterTests {
  @Test(
    arguments: [
      (0x000, 0x001f_0001_0700_0000), (0x020, UInt64.max), (0x040, 0), (0x060, 0), (0x080, 0), (0x0c0, 0), (0x0e0, 0),
      (0x100, 0x0101_0101_0101_0101), (0x138, 0x0101_0101_0101_0101), (0x200, 0x0706_0504_0302_0100),
      (0x218, 0x1f1e_1d1c_1b1a_1918), (0x220, 0), (0x380, 0), (0x3a0, 0), (0x3e0, 0), (0x400, 0), (0xff8, 0),
    ] as [(UInt64, UInt64)])
  func picAfterReset(offset: UInt64, value: UInt64) {
    #expect(IRQChipBench().pic(offset) == value)
  }

  @Test(arguments: [0x020, 0x040, 0x060, 0x200, 0x208, 0x238, 0x3e0] as [UInt64], [1, 2, 4, 8])
  func picStorage_writtenInPieces_readsBack(offset: UInt64, size: Int) {
    let bench = IRQChipBench()
    let pattern: UInt64 = 0x8877_6655_4433_2211
    for at in stride(from: 0, to: 8, by: size) {
      bench.setPIC(offset + UInt64(at), pattern >> UInt64(at * 8), size: size)
    }
    #expect(bench.pic(offset) == pattern)
    let piece = bench.chip.read(mmio: 0x1000_0000 + offset + UInt64(8 - size), size: size)
    #expect(piece == pattern >> UInt64((8 - size) * 8))
  }

  @Test(arguments: [0x000, 0x0c0, 0x0e0, 0x100, 0x120, 0x240, 0x2f8, 0x380, 0x3a0, 0x400] as [UInt64])
  func picReadOnlyOrAbsent_writeIsIgnored(offset: UInt64) {
    let bench = IRQChipBench()
    let before = bench.saved
    bench.setPIC(offset, .max)
    #expect(bench.saved == before)
  }

  @Test func strayByteOfTheLinuxDriver_isIgnored() {
    let bench = IRQChipBench()
    let before = bench.saved
    bench.setPIC(0x2ff, 255, size: 1)
    #expect(bench.saved == before)
  }

  @Test(
    arguments: [(0x1000_0021, 2), (0x1000_0022, 4), (0x1000_0024, 8), (0x1000_0020, 3), (0x1000_0020, 0)]
      as [(UInt64, Int)])
  func misalignedOrOddSized_readsZeroAndWritesNothing(address: UInt64, size: Int) {
    let bench = IRQChipBench()
    #expect(bench.chip.write(mmio: address, size: size, value: 0))
    #expect(bench.chip.read(mmio: address, size: size) == 0)
    #expect(bench.pic(0x20) == .max)
  }

  @Test(
    arguments: [0x0fff_ffff, 0x1000_1000, 0x1001_041c, 0x1eff_ffff, 0x1f03_0000, 0x2fef_ffff, 0x2ff0_0008, .max]
      as [UInt64])
  func addressOfSomebodyElse_isNotMine(address: UInt64) {
    let bench = IRQChipBench()
    #expect(bench.chip.read(mmio: address, size: 4) == nil)
    #expect(!bench.chip.write(mmio: address, size: 4, value: 0))
  }

  @Test(arguments: [0x0, 0x8, 0x420, 0xfff, 0x1160, 0x13ff, 0x1d00, 0x3fff_ffff, 0x4000_1000, .max] as [UInt32])
  func iocsrOfTheVMM_isNotMine(address: UInt32) {
    let bench = IRQChipBench()
    #expect(bench.chip.readIOCSR(cpu: 0, address: address, size: 4) == nil)
    #expect(!bench.chip.writeIOCSR(cpu: 0, address: address, size: 4, value: 0))
  }

  @Test(arguments: [0x14a0, 0x14b8, 0x14c0, 0x1600, 0x1618, 0x1680, 0x1698, 0x1c00, 0x1cf8] as [UInt32], [1, 2, 4, 8])
  func eiointcStorage_writtenInPieces_readsBackOnEveryCPU(address: UInt32, size: Int) {
    let bench = IRQChipBench()
    let pattern: UInt64 = 0x8877_6655_4433_2211
    for at in stride(from: 0, to: 8, by: size) {
      bench.setIOCSR(address + UInt32(at), pattern >> UInt64(at * 8), size: size, cpu: at % 4)
    }
    #expect(bench.iocsr(address, cpu: 3) == pattern)
  }

  @Test func eiointcISR_isHiddenFromIOCSR_shownByMMIO() {
    let bench = IRQChipBench()
    bench.chip.signalMSI(5)
    #expect(bench.iocsr(0x1700) == 0)
    #expect(bench.chip.read(mmio: 0x1f01_0300, size: 4) == 1 << 5)
  }

  @Test(arguments: [(1, 0), (2, 1), (4, 2), (8, 3), (0, 0), (0x10, 0), (0x14, 2), (0xff, 0)] as [(UInt64, Int)])
  func coremapByte_oneHot_isCPU(byte: UInt64, cpu: Int) {
    let bench = IRQChipBench.started()
    bench.route(70, to: 8)
    bench.route(70, to: byte)
    bench.chip.signalMSI(70)
    for other in 0..<4 { #expect(bench.pending(other) == (other == cpu ? [70] : [])) }
  }

  @Test func coremapByte_withCPUEncode_isNumber() {
    let bench = IRQChipBench(cpus: 200, features: 0b1011)
    bench.setIOCSR(0x4000_0004, 0b1010, size: 4)
    bench.setIOCSR(0x1608, .max)
    bench.route(70, to: 199)
    bench.chip.signalMSI(70)
    #expect(bench.pending(199) == [70])
    #expect(bench.chip.lines(199) == hardwareLine(0))
  }

  @Test func ipmapByte_withINTEncode_isNumber() {
    let bench = IRQChipBench(features: 0b0101)
    bench.setIOCSR(0x4000_0004, 0b0100, size: 4)
    bench.setIOCSR(0x14c0, 7 << 16)
    bench.setIOCSR(0x1608, .max)
    bench.chip.signalMSI(70)
    #expect(bench.chip.lines(0) == hardwareLine(7))
  }

  @Test func routeToAbsentCPU_isSkipped() {
    let bench = IRQChipBench.started(cpus: 2)
    bench.route(70, to: 2)
    bench.route(70, to: 8)
    bench.chip.signalMSI(70)
    #expect(bench.pending(1) == [70])
    #expect(bench.iocsr(0x1c00 + 70, size: 1) == 8)
  }

  @Test func routeOfPendingVector_movesIt() {
    let bench = IRQChipBench.started()
    bench.chip.signalMSI(70)
    bench.route(70, to: 4)
    #expect(bench.pending(0) == [])
    #expect(bench.chip.lines(0) == 0)
    #expect(bench.pending(2) == [70])
    #expect(bench.chip.lines(2) == hardwareLine(1))
  }

  @Test(
    arguments: [(0, 2, 0b1010, 2), (0b1111, 0, 0b1010, 0b1010), (0b0001, 0, 0b1111, 1)]
      as [(UInt32, UInt64, UInt64, UInt64)])
  func virtualExtension_configIsLimitedByFeatures(features: UInt32, reset: UInt64, write: UInt64, after: UInt64) {
    let bench = IRQChipBench(features: features)
    #expect(bench.iocsr(0x4000_0000, size: 4) == UInt64(features))
    #expect(bench.iocsr(0x4000_0004, size: 4) == reset)
    bench.setIOCSR(0x4000_0000, 0xff, size: 4)
    bench.setIOCSR(0x4000_0004, write, size: 4)
    #expect(bench.iocsr(0x4000_0004, size: 4) == after)
    bench.setIOCSR(0x4000_0004, 0, size: 4)
    #expect(bench.iocsr(0x4000_0004, size: 4) == 0)
  }

  @Test func ipiSetAndClear_lineFollowsStatus() {
    let bench = IRQChipBench()
    bench.setIOCSR(0x1008, 0x8000_0001, size: 4, cpu: 1)
    #expect(bench.iocsr(0x1000, size: 4, cpu: 1) == 0x8000_0001)
    #expect(bench.chip.lines(1) == ipiLine)
    bench.setIOCSR(0x100c, 1, size: 4, cpu: 1)
    #expect(bench.chip.lines(1) == ipiLine)
    bench.setIOCSR(0x100c, 0x8000_0000, size: 4, cpu: 1)
    #expect(bench.chip.lines(1) == 0)
  }

  @Test(arguments: [0, 1, 31] as [UInt64], [0, 3] as [UInt64])
  func ipiSend_setsOneBitOfTheTarget(vector: UInt64, cpu: UInt64) {
    let bench = IRQChipBench()
    bench.setIOCSR(0x1040, 1 << 31 | cpu << 16 | vector, size: 4, cpu: 2)
    #expect(bench.iocsr(0x1000, size: 4, cpu: Int(cpu)) == 1 << vector)
    #expect(bench.chip.lines(Int(cpu)) == ipiLine)
  }

  @Test(arguments: [0x1040, 0x1048, 0x1158] as [UInt32], [4, 255, 256, 1023] as [UInt64])
  func sendToAbsentCPU_isSkipped(address: UInt32, cpu: UInt64) {
    let bench = IRQChipBench()
    let before = bench.saved
    bench.setIOCSR(address, cpu << 16 | 0x1008 | 1 << 32)
    #expect(bench.saved == before)
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func mailSend_writesOneHalf_andKeepsMaskedBytes(half: UInt64) {
    let bench = IRQChipBench()
    bench.setIOCSR(0x1048, 0xaabb_ccdd << 32 | 1 << 16 | half << 2)
    bench.setIOCSR(0x1048, 0x1122_3344 << 32 | 0b0101 << 27 | 1 << 16 | half << 2)
    let box = bench.iocsr(0x1020 + UInt32(half / 2) * 8, cpu: 1)
    #expect(box == 0x11bb_33dd << (half % 2 * 32))
  }

  @Test func anySend_reachesEIOINTCAndIPIOfTheTarget() {
    let bench = IRQChipBench.started()
    bench.setIOCSR(0x1158, 0x5 << 32 | 3 << 16 | 0x1008)
    #expect(bench.chip.lines(3) == ipiLine)
    bench.setIOCSR(0x1158, 0x0808_0808 << 32 | 0b0001 << 27 | 1 << 16 | 0x1c00)
    #expect(bench.iocsr(0x1c00, size: 4) == 0x0808_0800)
    bench.setIOCSR(0x1158, 0x7 << 32 | 1 << 16 | 0x420)
    bench.setIOCSR(0x1158, 0x7 << 32 | 1 << 16 | 0x1158)
  }

  @Test(
    arguments: [
      (0x2ff0_0000, 4, 77, [77]), (0x2ff0_0000, 8, 0xffff_ffff_0000_004d, [77]), (0x2ff0_0000, 4, 256, []),
      (0x2ff0_0004, 4, 77, []), (0x2ff0_0000, 1, 0xf4d, [77]),
    ] as [(UInt64, Int, UInt64, [Int])])
  func msiDoorbell_takesAVector(address: UInt64, size: Int, value: UInt64, pending: [Int]) {
    let bench = IRQChipBench.started()
    #expect(bench.chip.write(mmio: address, size: size, value: value))
    #expect(bench.pending() == pending)
    #expect(bench.chip.read(mmio: address, size: size) == 0)
  }

  @Test func mmioViews_areTheSameRegisters() {
    let bench = IRQChipBench.started()
    _ = bench.chip.write(mmio: 0x1f00_0000 + 2 << 8 + 0x08, size: 4, value: 0x10)
    _ = bench.chip.write(mmio: 0x1f00_0240, size: 4, value: 2 << 16 | 4)
    #expect(bench.iocsr(0x1000, size: 4, cpu: 2) == 0x10)
    _ = bench.chip.write(mmio: 0x1f01_0800 + 70, size: 1, value: 4)
    bench.chip.signalMSI(70)
    #expect(bench.chip.read(mmio: 0x1f02_0208, size: 8) == 1 << 6)
    _ = bench.chip.write(mmio: 0x1f02_0208, size: 8, value: 1 << 6)
    #expect(bench.chip.lines(2) & ~ipiLine == 0)
  }

  @Test func attach_twiceOrOutOfRange_isRefused() {
    let bench = IRQChipBench(cpus: 1)
    #expect(bench.chip.attach(cpu: 0, waker: VCPUWaker()) == nil)
    #expect(bench.chip.attach(cpu: 256, waker: VCPUWaker()) == nil)
    #expect(bench.chip.attach(cpu: -1, waker: VCPUWaker()) == nil)
    #expect(bench.chip.attach(cpu: 255, waker: VCPUWaker()) != nil)
  }
}
