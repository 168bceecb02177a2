// Instruction decoding and execution: arbitrary words with arbitrary registers, in real memory.

import FuzzSupport
import Hypervisor
import Machine
import SoftHypervisor

/// Runs the input's words as code, with registers that it chooses.
///
/// Promises: no instruction ends the process, $zero stays 0, and a vCPU fails for no other reason than that its exception entry
/// cannot be reached.
enum CPUTarget {
  private static let code = 0x1_0000
  /// A word of `idle`, which would only wait for the watchdog.
  private static let idle: UInt32 = 0x0648_8000
  private static let idleMask: UInt32 = 0xffff_8000

  /// ori $t0, $zero, 3; csrwr $t0, EUEN: switches on floating point and LSX.
  private static let prologue: [UInt32] = [0x0380_0000 | 3 << 10 | 12, 0x0400_0000 | 2 << 10 | 1 << 5 | 12]

  static func run(_ input: [UInt8]) -> String? {
    guard let machine = GuestMachine(vcpus: 1) else { return nil }
    var source = ByteSource(input)
    var answers = ByteSource(input.reversed())
    machine.place(prologue + GuestMachine.leave, at: code)
    setRegisters(of: machine, &source)
    _ = machine.run(0, exits: 1, &answers)
    setRegisters(of: machine, &source)
    // Exceptions enter at 0 after reset, refills and machine errors as well.
    machine.place(GuestMachine.leave, at: 0)
    machine.place(words(&source) + GuestMachine.leave, at: code)
    var exceptions: UInt64 = 0
    let exit = machine.run(0, exits: 256, &answers) { skipFaulting($0, &exceptions) }
    if case .failed(.internalFault) = exit { return "the hypervisor could not carry out an instruction" }
    return machine.cpus[0].registers.gpr[0] == 0 ? nil : "$zero is not 0"
  }

  private static func words(_ source: inout ByteSource) -> [UInt32] {
    var words: [UInt32] = []
    while !source.isEmpty, words.count < 2048 {
      let word = source.integer(UInt32.self)
      if word & idleMask != idle { words.append(word) }
    }
    return words
  }

  /// After an exception, goes on behind the instruction that raised it, so that one bad word does not hide the rest; false at the
  /// end of the code and when the guest has left it.
  private static func skipFaulting(_ cpu: SoftVCPU, _ exceptions: inout UInt64) -> Bool {
    let era = cpu.controlRegisters.era
    guard cpu.counters.exceptions > exceptions, era >= UInt64(code), era < UInt64(GuestMachine.ramSize) else {
      return false
    }
    exceptions = cpu.counters.exceptions
    cpu.registers.pc = era + 4
    return true
  }

  /// Small numbers, addresses in RAM, or anything; a byte chooses for each register.
  private static func setRegisters(of machine: GuestMachine, _ source: inout ByteSource) {
    var registers = VCPURegisters()
    registers.pc = UInt64(code)
    for index in 1..<32 {
      let choice = source.byte()
      switch choice & 3 {
      case 0: registers.gpr[index] = UInt64(choice >> 2)
      case 1: registers.gpr[index] = UInt64(0x8_0000) + UInt64(choice) * 8
      case 2: registers.gpr[index] = UInt64(bitPattern: Int64(Int8(bitPattern: choice)) << 32)
      default: registers.gpr[index] = source.integer(UInt64.self)
      }
    }
    machine.cpus[0].registers = registers
  }

  /// Where instructions are dense in the encoding space (Vol. 1 and 2, appendix B): integer, bit and FP arithmetic; fused
  /// arithmetic and comparisons; CSR, IOCSR and TLB; immediates; loads and stores; atomics; LSX.
  private static let regions: [(base: UInt32, mask: UInt32)] = [
    (0x0000_0000, 0x01ff_ffff), (0x0800_0000, 0x07ff_ffff), (0x0400_0000, 0x03ff_ffff), (0x0600_0000, 0x00ff_ffff),
    (0x0200_0000, 0x01ff_ffff), (0x1000_0000, 0x0fff_ffff), (0x2000_0000, 0x1fff_ffff), (0x3800_0000, 0x00ff_ffff),
    (0x7000_0000, 0x01ff_ffff), (0x7200_0000, 0x01ff_ffff),
  ]

  /// Programs of our own, the EFI runtime services and the parking loop; and random words of each region.
  static var seeds: [[UInt8]] {
    let registers = (1..<32).map { UInt8($0 * 8 & 0xfc | $0 & 1) }
    let programs = [RuntimeServices().code, Parking.code()]
    let sweeps = regions.map { region in
      var random = SeededRandom(seed: UInt64(region.base))
      let words = (0..<400).map { _ in UInt32(truncatingIfNeeded: random.next()) & region.mask | region.base }
      return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
    }
    return (programs + sweeps).map { registers + registers + $0 }
  }
}
