// A vCPU as the kernel keeps it: registers, interrupt lines, timer. Linux 7.2.12, arch/loongarch/kvm/{vcpu,interrupt,timer}.c.

/// Numbers of control and status registers (reference D.1).
enum CSR {
  static let crmd = 0x00, prmd = 0x01, ecfg = 0x04, estat = 0x05, era = 0x06, badv = 0x07, badi = 0x08, eentry = 0x0c
  static let cpuid = 0x20, prcfg1 = 0x21, tid = 0x40, tcfg = 0x41, tval = 0x42, cntc = 0x43, ticlr = 0x44
  // Not the guest's: the host's control of it. Yet ONE_REG reaches them.
  static let gstat = 0x50, gintc = 0x52
}

/// Inter-processor interrupt registers of a vCPU (reference C.3).
struct IPIRegisters {
  var status: UInt32 = 0
  var enable: UInt32 = 0
  var set: UInt32 = 0
  var clear: UInt32 = 0
  var mailboxes: [UInt64] = [0, 0, 0, 0]
}

final class ModelVCPU {
  static let unsetCPUID: UInt64 = 256
  /// ESTAT bits of HWI0 to HWI7, which the kernel keeps in GINTC, shifted down by 2.
  static let externalLines: UInt64 = 0x3fc
  static let timerLine: UInt64 = 1 << 11

  unowned let machine: ModelMachine
  let id: Int
  var gpr = [UInt64](repeating: 0, count: 32)
  var pc: UInt64 = 0
  var csr = [UInt64](repeating: 0, count: 0x800)
  var configuration = [UInt32](repeating: 0, count: 21)
  /// 32 registers of four words.
  var fpr = [UInt64](repeating: 0, count: 128)
  var fcc: UInt64 = 0
  var fcsr: UInt32 = 0
  /// SCR0–3, EFLAGS, FTOP.
  var translation = [UInt64](repeating: 0, count: 6)
  var ipi = IPIRegisters()
  var stealTime: UInt64 = 0
  var debugControl: UInt32 = 0
  var signalMask: UInt64?
  /// Lines that wait to be raised or lowered at the next entry (arch.irq_pending, arch.irq_clear).
  var raising: UInt64 = 0
  var lowering: UInt64 = 0
  /// When the timer runs out, by the host's clock, as of the last time the vCPU left a CPU.
  var expiry: UInt64 = 0
  /// One-shot timer that has run out: TVAL stands at all ones.
  var timerStopped = false
  /// kvm_run, and what stands after it.
  let area: UnsafeMutableRawPointer
  let areaSize: Int
  var pendingAccess: PendingAccess?
  /// A signal came while its thread was in KVM_RUN.
  var isInterrupted = false
  var isRunning = false
  var isIdle = false
  /// The thread in KVM_RUN, and what wakes it when it idles.
  var thread: Int32 = 0
  let wake = WakeEvent()

  /// An MMIO exit that the next KVM_RUN completes.
  struct PendingAccess {
    var isWrite: Bool
    var isSigned: Bool
    var register: Int
  }
  /// The register of the last iocsrrd.
  var ioRegister = 0

  init(machine: ModelMachine, id: Int, areaSize: Int) {
    self.machine = machine
    self.id = id
    self.areaSize = areaSize
    area = .allocate(byteCount: areaSize, alignment: 4096)
    area.initializeMemory(as: UInt8.self, repeating: 0, count: areaSize)
    csr[CSR.crmd] = 1 << 3
    csr[CSR.tid] = UInt64(id)
    csr[CSR.cpuid] = Self.unsetCPUID
  }

  deinit { area.deallocate() }

  // MARK: interrupt lines

  /// kvm_vcpu_ioctl_interrupt of a positive or negative line.
  func drive(line: Int, level: Bool) {
    let bit = UInt64(1) << UInt64(line)
    if level {
      raising |= bit
      lowering &= ~bit
    } else {
      raising &= ~bit
      lowering |= bit
    }
  }

  /// What the guest reads in ESTAT.
  var estat: UInt64 { csr[CSR.estat] & ~Self.externalLines | (csr[CSR.gintc] & 0xff) << 2 }

  /// Moves what waits into the registers that the CPU looks at (kvm_deliver_intr).
  func deliver() {
    csr[CSR.estat] &= ~(lowering & ~Self.externalLines)
    csr[CSR.gintc] &= ~((lowering & Self.externalLines) >> 2)
    csr[CSR.estat] |= raising & ~Self.externalLines
    csr[CSR.gintc] |= (raising & Self.externalLines) >> 2
    (raising, lowering) = (0, 0)
  }

  /// Idle goes on: only what has not been delivered yet counts, and the timer (kvm_arch_vcpu_runnable,
  /// kvm_cpu_has_pending_timer). A line that is up already, but was masked, does not.
  var endsIdle: Bool { raising != 0 || csr[CSR.estat] & Self.timerLine != 0 }

  // MARK: the timer; a tick is a unit of `machine.kernel.ticks`

  private var timerIsOn: Bool { csr[CSR.tcfg] & 1 != 0 }
  private var timerIsPeriodic: Bool { csr[CSR.tcfg] & 2 != 0 }
  private var period: UInt64 { csr[CSR.tcfg] & 0xffff_ffff_fffc }

  /// The vCPU gets a CPU (kvm_restore_timer).
  func load() {
    timerStopped = false
    guard timerIsOn else { return }
    if !timerIsPeriodic, csr[CSR.tval] > csr[CSR.tcfg] {
      (csr[CSR.tval], timerStopped) = (.max, true)
      return
    }
    let now = machine.kernel.ticks
    var left: UInt64 = 0
    if now < expiry {
      left = expiry - now
    } else if timerIsPeriodic, period > 0 {
      left = period - (now - expiry) % period
      drive(line: 11, level: true)
    }
    csr[CSR.tval] = left
    if left == 0 { expire() }
  }

  /// It loses it (kvm_save_timer): what runs on is the host's clock.
  func put() {
    for index in 0..<3 { csr[CSR.prcfg1 + index] = machine.kernel.host.privilegedConfiguration[index] }
    guard timerIsOn else { return }
    let left = csr[CSR.tval] < csr[CSR.tcfg] ? csr[CSR.tval] : 0
    expiry = machine.kernel.ticks &+ left
  }

  /// One tick in the guest.
  func tick() {
    guard timerIsOn, !timerStopped else { return }
    if csr[CSR.tval] > 0 { csr[CSR.tval] -= 1 }
    if csr[CSR.tval] == 0 { expire() }
  }

  private func expire() {
    csr[CSR.estat] |= Self.timerLine
    if timerIsPeriodic { csr[CSR.tval] = period } else { (csr[CSR.tval], timerStopped) = (.max, true) }
  }

  /// A guest's write of TCFG.
  func setTimer(_ value: UInt64) {
    csr[CSR.tcfg] = value
    timerStopped = false
    if value & 1 != 0 { csr[CSR.tval] = period }
  }

  // MARK: inter-processor interrupts

  func raiseIPI(_ bits: UInt32) {
    let wasClear = ipi.status == 0
    ipi.status |= bits
    if wasClear, bits != 0 { drive(line: 12, level: true) }
  }

  func clearIPI(_ bits: UInt32) {
    ipi.status &= ~bits
    if ipi.status == 0 { drive(line: 12, level: false) }
  }
}

extension ModelVCPU {
  /// An idle guest whose timer runs and will run out.
  var timerEndsIdle: Bool { csr[CSR.tcfg] & 1 != 0 && !timerStopped }
  /// The timer runs out now.
  func finishTimer() {
    csr[CSR.tval] = 0
    tick()
  }
}
