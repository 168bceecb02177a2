import Hypervisor
import Synchronization

/// One LoongArch64 CPU in software: the thread that calls `run` interprets the guest.
public final class SoftVCPU: VCPU {
  let cpu: CPUPointer
  let waker: VCPUWaker
  private let chip: IRQChip
  private let shared: SharedMachine
  private let kickWord: UnsafeMutablePointer<Atomic<UInt32>>

  /// Reset state (Vol. 1, 6.3): direct addressing, PLV0, interrupts off, FP off, PC at the boot ROM.
  init(
    id: Int, memory: GuestMemory, chip: IRQChip, lines: UnsafeMutablePointer<Atomic<UInt64>>, waker: VCPUWaker,
    shared: SharedMachine
  ) {
    self.chip = chip
    self.shared = shared
    self.waker = waker
    kickWord = .allocate(capacity: 1)
    kickWord.initialize(to: Atomic<UInt32>(0))
    let gpr = Self.zeroed(UInt64.self, 33, 0)
    let registers = RegisterFile(
      gpr: gpr, vr: Self.zeroed(UInt64.self, 64, 0), fcc: Self.zeroed(UInt8.self, 8, 0),
      float: Self.zeroed(FloatState.self, 1, FloatState()))
    let softTLBs = Self.zeroed(SoftTLBEntry.self, SoftTLB.entries * SoftTLB.arrays, SoftTLBEntry())
    cpu = .allocate(capacity: 1)
    cpu.initialize(
      to: CPU(
        registers: registers, csr: Self.zeroed(UInt64.self, CSR.count, 0), dataTLB: softTLBs,
        jumpCache: Self.zeroed(JumpEntry.self, JumpCache.entries, JumpEntry()),
        blocks: BlockStore(operations: Self.operations(vcpus: shared.wakers.count)), tlb: GuestTLB(),
        softTLBs: softTLBs, memory: memory, kick: kickWord,
        configuration: Self.zeroed(UInt32.self, CPUIdentity.words, 0), id: id, chip: Unmanaged.passUnretained(chip),
        waker: Unmanaged.passUnretained(waker), lines: lines, attention: waker.attention,
        shared: Unmanaged.passUnretained(shared)))
    for word in 0..<CPUIdentity.words { cpu.pointee.configuration[word] = CPUIdentity.configuration(word: word) }
    cpu.pointee.csr[CSR.crmd] = CSR.crmdDA
    cpu.pointee.csr[CSR.asid] = CSR.asidBits
    cpu.pointee.csr[CSR.stlbps] = CSR.resetPageSize
    cpu.pointee.csr[CSR.pwcl] = 12
    cpu.pointee.csr[CSR.tid] = UInt64(id)
    cpu.pointee.pc = 0x1c00_0000
    cpu.refreshMode()
  }

  deinit {
    let state = cpu.pointee
    state.registers.gpr.deallocate()
    state.registers.vr.deallocate()
    state.registers.fcc.deallocate()
    state.registers.float.deallocate()
    state.csr.deallocate()
    state.softTLBs.deallocate()
    state.jumpCache.deallocate()
    state.configuration.deallocate()
    state.blocks.free()
    state.tlb.free()
    cpu.deallocate()
    kickWord.deallocate()
  }

  /// Decoded instructions to keep: a Linux boot decodes about 90,000 different ones. Many vCPUs get smaller stores, so
  /// that the address space of the process stays bounded.
  private static func operations(vcpus: Int) -> Int { vcpus <= 4 ? 1 << 20 : (vcpus <= 32 ? 1 << 18 : 1 << 16) }

  private static func zeroed<T>(_ type: T.Type, _ count: Int, _ value: T) -> UnsafeMutablePointer<T> {
    let memory = UnsafeMutablePointer<T>.allocate(capacity: count)
    memory.initialize(repeating: value, count: count)
    return memory
  }

  public func run() -> VCPUExit {
    // The last exit may have taken any time: the loop reads the clock first, or a guest that polls a device would never
    // see its timer fire.
    cpu.pointee.sinceClock = CPUPointer.slice
    cpu.dropMisalignedJump()
    // The host's FPU rounds and collects flags for the guest meanwhile.
    enterFloat(cpu.pointee.registers.float)
    cpu.runLoop()
    leaveFloat(cpu.pointee.registers.float)
    return cpu.pointee.exit
  }

  public func completeRead(_ value: UInt64) {
    let pending = cpu.pointee.pendingLoad
    guard pending.size > 0 else { return }
    cpu.pointee.registers.gpr[Int(pending.register)] =
      CPUPointer.extend(value, UInt64(pending.size), signed: pending.signed)
    cpu.pointee.pendingLoad = PendingLoad()
  }

  /// Whether the last exit asked for a value that `completeRead` has not brought yet.
  var awaitsRead: Bool { cpu.pointee.pendingLoad.size > 0 }

  public func kick() {
    kickWord.pointee.store(1, ordering: .releasing)
    waker.poke()
  }

  public var registers: VCPURegisters {
    get {
      var result = VCPURegisters()
      result.pc = cpu.pointee.pc
      for i in 0..<32 { result.gpr[i] = cpu.pointee.registers.gpr[i] }
      return result
    }
    set {
      cpu.pointee.pc = newValue.pc
      for i in 1..<32 { cpu.pointee.registers.gpr[i] = newValue.gpr[i] }
    }
  }

  public var controlRegisters: VCPUControlRegisters {
    var result = VCPUControlRegisters()
    result.crmd = cpu.readCSR(CSR.crmd)
    result.prmd = cpu.readCSR(CSR.prmd)
    result.estat = cpu.readCSR(CSR.estat)
    result.era = cpu.readCSR(CSR.era)
    result.badv = cpu.readCSR(CSR.badv)
    result.eentry = cpu.readCSR(CSR.eentry)
    return result
  }

  public var counters: VCPUCounters {
    var result = VCPUCounters()
    result.instructions = cpu.pointee.instructions
    result.unimplemented = cpu.pointee.unimplemented
    result.interrupts = cpu.pointee.interrupts
    result.exceptions = cpu.pointee.exceptions
    return result
  }
}
