// Enough of the CPU for short guests: direct addressing, integers, CSRs, IOCSRs. Encodings: LoongArch Reference Manual
// Volume 1, appendix B. No translation, no floating point, no atomics.

extension KernelModel {
  enum Step {
    case next
    case exit(UInt32)
    case idle
  }

  /// Interrupts come in between two instructions: the highest line first (reference C.1).
  func takeInterrupt(_ vcpu: ModelVCPU) {
    guard vcpu.csr[CSR.crmd] & 4 != 0 else { return }
    let waiting = vcpu.estat & vcpu.csr[CSR.ecfg] & 0x7fff
    guard waiting != 0 else { return }
    let line = 63 - waiting.leadingZeroBitCount
    vcpu.csr[CSR.estat] &= 0xffff
    enter(vcpu, vector: 64 + line)
  }

  private func enter(_ vcpu: ModelVCPU, vector: Int) {
    vcpu.csr[CSR.prmd] = vcpu.csr[CSR.crmd] & 7
    vcpu.csr[CSR.crmd] &= ~7
    vcpu.csr[CSR.era] = vcpu.pc
    let spacing = vcpu.csr[CSR.ecfg] >> 16 & 7
    vcpu.pc = vcpu.csr[CSR.eentry] &+ (spacing == 0 ? 0 : UInt64(vector) << spacing * 4)
  }

  func fault(_ vcpu: ModelVCPU, code: UInt64, badAddress: UInt64? = nil) -> Step {
    if let badAddress { vcpu.csr[CSR.badv] = badAddress }
    vcpu.csr[CSR.estat] = vcpu.csr[CSR.estat] & 0xffff | code << 16
    enter(vcpu, vector: Int(code))
    return .next
  }

  /// One instruction.
  func step(_ vcpu: ModelVCPU) -> Step {
    let place = vcpu.pc & 0xffff_ffff_ffff
    guard place & 3 == 0, let memory = vcpu.machine.memory(place, 4) else {
      return fault(vcpu, code: 8, badAddress: vcpu.pc)
    }
    let word = memory.load(as: UInt32.self)
    return Instruction(word: word).run(on: vcpu, self)
  }
}

/// A word of code and its fields.
struct Instruction {
  let word: UInt32

  private var rd: Int { Int(word & 31) }
  private var rj: Int { Int(word >> 5 & 31) }
  private var rk: Int { Int(word >> 10 & 31) }
  private func signed(_ value: UInt32, _ bits: UInt32) -> UInt64 {
    UInt64(bitPattern: Int64(Int32(bitPattern: value << (32 - bits)) >> (32 - Int32(bits))))
  }
  private var si12: UInt64 { signed(word >> 10 & 0xfff, 12) }
  private var ui12: UInt64 { UInt64(word >> 10 & 0xfff) }
  private var si20: UInt64 { signed(word >> 5 & 0xf_ffff, 20) }
  private var offset16: UInt64 { signed(word >> 10 & 0xffff, 16) << 2 }
  private var offset21: UInt64 { signed(word >> 10 & 0xffff | (word & 31) << 16, 21) << 2 }
  private var offset26: UInt64 { signed(word >> 10 & 0xffff | (word & 0x3ff) << 16, 26) << 2 }

  func run(on vcpu: ModelVCPU, _ kernel: KernelModel) -> KernelModel.Step {
    switch word >> 26 {
    case 0x10...0x1b: return branch(vcpu)
    case 0x0a: return memory(vcpu, kernel)
    case 0x01: return privileged(vcpu, kernel)
    default:
      if word >> 15 == 0x57 { return hypercall(vcpu) }
      guard compute(vcpu) else { return unknown(vcpu, kernel) }
      vcpu.pc &+= 4
      return .next
    }
  }

  /// hvcl: of the services, only the one that leaves to user space; whatever else answers "no such code".
  private func hypercall(_ vcpu: ModelVCPU) -> KernelModel.Step {
    guard word & 0x7fff == 0x102, vcpu.machine.paravirtual >> 25 & 1 == 1 else {
      vcpu.gpr[4] = .max
      vcpu.pc &+= 4
      return .next
    }
    vcpu.area.storeBytes(of: 0x102, toByteOffset: 0x20, as: UInt64.self)
    for index in 0..<6 {
      vcpu.area.storeBytes(of: vcpu.gpr[4 + index], toByteOffset: 0x28 + index * 8, as: UInt64.self)
    }
    vcpu.area.storeBytes(of: UInt64.max, toByteOffset: 0x58, as: UInt64.self)
    return .exit(ExitReason.hypercall)
  }

  private func unknown(_ vcpu: ModelVCPU, _ kernel: KernelModel) -> KernelModel.Step {
    kernel.oddInstructions.append(word)
    return kernel.fault(vcpu, code: 13)
  }

  private func put(_ vcpu: ModelVCPU, _ value: UInt64) { if rd != 0 { vcpu.gpr[rd] = value } }

  // MARK: arithmetic

  private func compute(_ vcpu: ModelVCPU) -> Bool {
    let j = vcpu.gpr[rj]
    switch word >> 22 {
    case 0x00a: put(vcpu, KernelModel.extend(j &+ si12, 4, isSigned: true))
    case 0x00b: put(vcpu, j &+ si12)
    case 0x00c: put(vcpu, vcpu.gpr[rj] & 0xf_ffff_ffff_ffff | ui12 << 52)
    case 0x00d: put(vcpu, j & ui12)
    case 0x00e: put(vcpu, j | ui12)
    case 0x00f: put(vcpu, j ^ ui12)
    case 0x008: put(vcpu, Int64(bitPattern: j) < Int64(bitPattern: si12) ? 1 : 0)
    case 0x009: put(vcpu, j < si12 ? 1 : 0)
    default: return wide(vcpu) || three(vcpu, j)
    }
    return true
  }

  /// Instructions with a 20-bit immediate.
  private func wide(_ vcpu: ModelVCPU) -> Bool {
    switch word >> 25 {
    case 0x0a: put(vcpu, si20 << 12)
    case 0x0b: put(vcpu, vcpu.gpr[rd] & 0xffff_ffff | si20 << 32)
    case 0x0c: put(vcpu, vcpu.pc &+ si20 << 2)
    case 0x0e: put(vcpu, vcpu.pc &+ si20 << 12)
    default: return false
    }
    return true
  }

  private func three(_ vcpu: ModelVCPU, _ j: UInt64) -> Bool {
    let k = vcpu.gpr[rk]
    switch word >> 15 {
    case 0x20: put(vcpu, KernelModel.extend(j &+ k, 4, isSigned: true))
    case 0x21: put(vcpu, j &+ k)
    case 0x22: put(vcpu, KernelModel.extend(j &- k, 4, isSigned: true))
    case 0x23: put(vcpu, j &- k)
    case 0x24: put(vcpu, Int64(bitPattern: j) < Int64(bitPattern: k) ? 1 : 0)
    case 0x25: put(vcpu, j < k ? 1 : 0)
    case 0x28: put(vcpu, ~(j | k))
    case 0x29: put(vcpu, j & k)
    case 0x2a: put(vcpu, j | k)
    case 0x2b: put(vcpu, j ^ k)
    case 0x31: put(vcpu, j << (k & 63))
    case 0x32: put(vcpu, j >> (k & 63))
    case 0x3b: put(vcpu, j &* k)
    // dbar, ibar
    case 0x70e4, 0x70e5: break
    default: return shift(vcpu, j) || counter(vcpu, j)
    }
    return true
  }

  private func shift(_ vcpu: ModelVCPU, _ j: UInt64) -> Bool {
    let five = UInt64(word >> 10 & 31)
    let six = UInt64(word >> 10 & 63)
    switch word >> 15 {
    case 0x81: put(vcpu, KernelModel.extend(j << five, 4, isSigned: true))
    case 0x89: put(vcpu, KernelModel.extend((j & 0xffff_ffff) >> five, 4, isSigned: true))
    case 0x82, 0x83: put(vcpu, j << six)
    case 0x8a, 0x8b: put(vcpu, j >> six)
    default: return false
    }
    return true
  }

  private func counter(_ vcpu: ModelVCPU, _ j: UInt64) -> Bool {
    let machine = vcpu.machine
    switch word >> 10 {
    case 0x1a:
      let now = machine.kernel.ticks &+ machine.timeOffset &+ vcpu.csr[CSR.cntc]
      if rj != 0 { vcpu.gpr[rj] = vcpu.csr[CSR.tid] }
      put(vcpu, now)
    case 0x1b: put(vcpu, configuration(vcpu, j & 0xffff_ffff))
    default: return false
    }
    return true
  }

  private func configuration(_ vcpu: ModelVCPU, _ index: UInt64) -> UInt64 {
    switch index {
    case 0..<21: UInt64(vcpu.configuration[Int(index)])
    case 0x4000_0000: 0x004d_564b
    case 0x4000_0004: vcpu.machine.paravirtual & vcpu.machine.kernel.behaviour.paravirtualMask
    default: 0
    }
  }

  // MARK: control flow

  private func branch(_ vcpu: ModelVCPU) -> KernelModel.Step {
    let j = vcpu.gpr[rj]
    let d = vcpu.gpr[rd]
    let here = vcpu.pc
    let (taken, offset): (Bool, UInt64) =
      switch word >> 26 {
      case 0x10: (j == 0, offset21)
      case 0x11: (j != 0, offset21)
      case 0x14, 0x15: (true, offset26)
      case 0x16: (j == d, offset16)
      case 0x17: (j != d, offset16)
      case 0x18: (Int64(bitPattern: j) < Int64(bitPattern: d), offset16)
      case 0x19: (Int64(bitPattern: j) >= Int64(bitPattern: d), offset16)
      case 0x1a: (j < d, offset16)
      case 0x1b: (j >= d, offset16)
      default: (true, 0)
      }
    if word >> 26 == 0x13 {
      put(vcpu, here &+ 4)
      vcpu.pc = j &+ offset16
      return .next
    }
    if word >> 26 == 0x15 { vcpu.gpr[1] = here &+ 4 }
    vcpu.pc = taken ? here &+ offset : here &+ 4
    return .next
  }

  private func memory(_ vcpu: ModelVCPU, _ kernel: KernelModel) -> KernelModel.Step {
    let address = (vcpu.gpr[rj] &+ si12) & 0xffff_ffff_ffff
    let operation = word >> 22 & 0xf
    switch operation {
    case 0...3:
      return kernel.load(vcpu, register: rd, address: address, size: 1 << Int(operation), isSigned: true)
    case 4...7: return kernel.store(vcpu, address: address, size: 1 << Int(operation - 4), value: vcpu.gpr[rd])
    case 8...10:
      return kernel.load(vcpu, register: rd, address: address, size: 1 << Int(operation - 8), isSigned: false)
    default: return unknown(vcpu, kernel)
    }
  }

  // MARK: privileged

  private func privileged(_ vcpu: ModelVCPU, _ kernel: KernelModel) -> KernelModel.Step {
    switch word >> 24 {
    case 0x04, 0x05:
      csr(vcpu, Int(word >> 10 & 0x3fff))
      vcpu.pc &+= 4
      return .next
    case 0x06 where word >> 13 == 0x3240:
      let operation = Int(word >> 10 & 7)
      return kernel.iocsr(
        vcpu, register: rd, address: vcpu.gpr[rj], size: 1 << (operation & 3), write: operation >= 4)
    case 0x06 where word == 0x0648_3800:
      vcpu.csr[CSR.crmd] = vcpu.csr[CSR.crmd] & ~7 | vcpu.csr[CSR.prmd] & 7
      vcpu.pc = vcpu.csr[CSR.era]
      return .next
    case 0x06 where word >> 15 == 0xc91:
      vcpu.pc &+= 4
      return .idle
    default: return unknown(vcpu, kernel)
    }
  }

  private func csr(_ vcpu: ModelVCPU, _ number: Int) {
    guard number < 0x800 else { return put(vcpu, 0) }
    let old = number == CSR.estat ? vcpu.estat : vcpu.csr[number]
    let given = vcpu.gpr[rd]
    let mask = rj == 1 ? UInt64.max : vcpu.gpr[rj]
    if rj != 0 { write(vcpu, number, old & ~mask | given & mask) }
    put(vcpu, number == CSR.ticlr ? 0 : old)
  }

  private func write(_ vcpu: ModelVCPU, _ number: Int, _ value: UInt64) {
    switch number {
    case CSR.estat: vcpu.csr[CSR.estat] = vcpu.csr[CSR.estat] & ~3 | value & 3
    case CSR.tcfg: vcpu.setTimer(value)
    case CSR.ticlr: if value & 1 != 0 { vcpu.csr[CSR.estat] &= ~ModelVCPU.timerLine }
    // Read-only: BADI, PGD, CPUID, PRCFG1–3, TVAL (reference D.1).
    case CSR.badi, 0x1b, CSR.cpuid, 0x21...0x23, CSR.tval: break
    default: vcpu.csr[number] = value
    }
  }
}
