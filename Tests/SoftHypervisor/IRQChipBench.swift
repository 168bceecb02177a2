import StateComparison
import Testing

@testable import SoftHypervisor

/// An irqchip with `cpus` vCPUs, and the accesses a guest driver makes to it.
final class IRQChipBench: Sendable {
  let chip: IRQChip
  let wakers: [VCPUWaker]

  init(cpus: Int = 4, features: UInt32 = 0) {
    chip = IRQChip(eiointcFeatures: features)
    wakers = (0..<cpus).map { _ in VCPUWaker() }
    for (cpu, waker) in wakers.enumerated() { _ = chip.attach(cpu: cpu, waker: waker) }
  }

  /// As the Linux driver leaves EIOINTC: every vector enabled, on CPU 0, HWI1; and `pins` as edge pins, unmasked.
  static func started(edgePins: UInt64 = 0, cpus: Int = 4) -> IRQChipBench {
    let bench = IRQChipBench(cpus: cpus)
    bench.setIOCSR(0x14c0, 0x0202_0202_0202_0202)
    for word in 0..<4 { bench.setIOCSR(0x1600 + UInt32(word) * 8, .max) }
    bench.setPIC(0x60, edgePins)
    bench.setPIC(0x20, ~edgePins)
    return bench
  }

  /// The saved state, to compare.
  var saved: [UInt64] { chip.save().state.words }

  func pic(_ offset: UInt64) -> UInt64 { chip.read(mmio: 0x1000_0000 + offset, size: 8) ?? 0 }
  func setPIC(_ offset: UInt64, _ value: UInt64, size: Int = 8) {
    _ = chip.write(mmio: 0x1000_0000 + offset, size: size, value: value)
  }
  func iocsr(_ address: UInt32, size: Int = 8, cpu: Int = 0) -> UInt64 {
    chip.readIOCSR(cpu: cpu, address: address, size: size) ?? 0
  }
  func setIOCSR(_ address: UInt32, _ value: UInt64, size: Int = 8, cpu: Int = 0) {
    _ = chip.writeIOCSR(cpu: cpu, address: address, size: size, value: value)
  }
  func pulse(_ pin: Int) { chip.setPin(pin, level: true) }

  /// Vectors pending on a CPU.
  func pending(_ cpu: Int = 0) -> [Int] {
    (0..<256).filter { iocsr(0x1800 + UInt32($0 / 64) * 8, cpu: cpu) >> UInt64($0 % 64) & 1 == 1 }
  }
  /// What the guest's dispatch does to a vector: write it back to COREISR.
  func acknowledge(_ vector: Int, cpu: Int = 0) {
    setIOCSR(0x1800 + UInt32(vector / 64) * 8, 1 << UInt64(vector % 64), cpu: cpu)
  }
  /// The irq_ack of an edge pin: INT_CLEAR.
  func clear(_ pin: Int) { setPIC(0x80, 1 << UInt64(pin)) }
  func route(_ vector: Int, to byte: UInt64) { setIOCSR(0x1c00 + UInt32(vector), byte, size: 1) }
}

/// ESTAT.IS bit of a hardware line.
func hardwareLine(_ number: Int) -> UInt64 { 4 << UInt64(number) }
let ipiLine: UInt64 = 1 << 12
