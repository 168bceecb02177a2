// The interrupt controllers, as two vCPUs and the VMM reach them.

import FuzzSupport
import Hypervisor

/// Loads and stores of both vCPUs to the controllers' windows and IOCSRs, levels on pins and MSI vectors, in any order.
///
/// Promises: every access returns to its vCPU, and neither vCPU fails.
enum IRQChipTarget {
  private static let firstSlot = 0x1_0000
  private static let slotSize = 0x20

  /// One instruction a slot, with address $a0 and value $a1: st.b/h/w/d, ld.b/h/w/d, iocsrwr.b/h/w/d, iocsrrd.b/h/w/d.
  private static let accesses: [UInt32] =
    [0x2900_0000, 0x2940_0000, 0x2980_0000, 0x29c0_0000, 0x2800_0000, 0x2840_0000, 0x2880_0000, 0x28c0_0000]
    + [0x0648_1000, 0x0648_1400, 0x0648_1800, 0x0648_1c00, 0x0648_0000, 0x0648_0400, 0x0648_0800, 0x0648_0c00]

  /// PCH-PIC, IPI, EIOINTC and its per-core view, MSI; the IOCSR windows of IPI, EIOINTC and its virtual extension.
  private static let windows: [UInt64] = [0x1000_0000, 0x1f00_0000, 0x1f01_0000, 0x1f02_0000, 0x2ff0_0000]
  private static let iocsrWindows: [UInt64] = [0x1000, 0x1400, 0x1c00, 0x4000_0000]

  static func run(_ input: [UInt8]) -> String? {
    guard let machine = GuestMachine(vcpus: 2) else { return nil }
    machine.place(GuestMachine.leave, at: 0)
    for (index, word) in accesses.enumerated() {
      machine.place([word | 4 << 5 | 5] + GuestMachine.leave, at: firstSlot + index * slotSize)
    }
    var source = ByteSource(input)
    var budget = 1024
    while !source.isEmpty, budget > 0 {
      budget -= 1
      if let broken = perform(machine, &source) { return broken }
    }
    return nil
  }

  private static func perform(_ machine: GuestMachine, _ source: inout ByteSource) -> String? {
    let selector = source.byte()
    switch selector >> 6 {
    case 0:
      machine.hypervisor.setLine(pin: UInt32(selector & 0x3f), level: source.byte() & 1 == 1)
      return nil
    case 1:
      _ = try? machine.hypervisor.signalMSI(vector: UInt32(source.integer(UInt16.self)))
      return nil
    default: return access(machine, cpu: Int(selector >> 6 & 1), slot: Int(selector & 15), &source)
    }
  }

  private static func access(_ machine: GuestMachine, cpu: Int, slot: Int, _ source: inout ByteSource) -> String? {
    let choice = Int(source.byte())
    let base = slot < 8 ? windows[choice % windows.count] : iocsrWindows[choice % iocsrWindows.count]
    var registers = machine.cpus[cpu].registers
    registers.pc = UInt64(firstSlot + slot * slotSize)
    registers.gpr[4] = base + UInt64(source.integer(UInt16.self) & 0xfff)
    registers.gpr[5] = source.integer(UInt64.self)
    machine.cpus[cpu].registers = registers
    // A busy host can make the watchdog end a run that is in order; many times in a row it cannot.
    for _ in 0..<64 {
      switch machine.run(cpu, exits: 1, &source) {
      case .mmioRead(GuestMachine.exitAddress, _): return nil
      case .failed: return "an access made its vCPU fail"
      default: continue
      }
    }
    return "an access does not return to its vCPU"
  }

  /// What Linux does to bring up a pin, and a pulse on it: vector and edge of pin 2, routes, enable, unmask.
  static var seeds: [[UInt8]] {
    func store(_ slot: UInt8, _ window: UInt8, _ offset: UInt16, _ value: UInt64) -> [UInt8] {
      [0x80 | slot, window, UInt8(offset & 0xff), UInt8(offset >> 8)]
        + (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
    let set: [[UInt8]] = [
      store(0, 0, 0x202, 2), store(2, 0, 0x60, 4), store(2, 0, 0x20, .max ^ 4), store(10, 1, 0xc0, 0x0101_0101),
      store(10, 1, 0x200, 0xffff_ffff), [2, 1], store(14, 1, 0x400, 0), store(10, 1, 0x400, 4), [0x40, 9, 0],
      store(11, 0, 0x158, 0x8000_0000_0000_0004), store(10, 0, 0x40, 0x8001_0003), [0xc0 | 14, 0, 0, 0],
    ]
    return [set.flatMap { $0 }]
  }
}
