import Hypervisor
import Synchronization

/// Everything that one vCPU's thread touches while the guest runs, in raw memory that never moves.
///
/// It is reached through a pointer (`UnsafeMutablePointer<CPU>`), not as a class: a class property in the loop costs
/// exclusivity checks and reference counts. Only the owning thread uses it, except for `waker` and `lines`.
struct CPU {
  /// Integer, vector and floating-point registers.
  let registers: RegisterFile
  /// Control and status registers by number.
  let csr: UnsafeMutablePointer<UInt64>
  /// Next instruction, kept in a local of the loop while it runs.
  var pc: UInt64 = 0
  /// What distinguishes one decoded view of an address from another: see `refreshMode`.
  var modeKey: UInt64 = 0
  /// The software TLB for data of the current mode.
  var dataTLB: UnsafeMutablePointer<SoftTLBEntry>
  /// Virtual PC → decoded block.
  let jumpCache: UnsafeMutablePointer<JumpEntry>
  /// Decoded blocks and their operations.
  var blocks: BlockStore
  /// The architectural TLB.
  var tlb: GuestTLB
  /// The three software TLBs: kernel paging, user paging, direct addressing.
  let softTLBs: UnsafeMutablePointer<SoftTLBEntry>
  /// Guest physical memory.
  let memory: GuestMemory

  /// Host address of the reservation of LL, as found by its translation; nil when there is none.
  var llHost: UnsafeMutableRawPointer?
  /// The value LL read; SC succeeds if memory still holds it.
  var llValue: UInt64 = 0

  /// Stable counter value at which the timer fires; `UInt64.max` when it is not running.
  var timerDeadline: UInt64 = .max
  /// ESTAT bit 11: set when the timer fires, cleared by TICLR.
  var timerPending = false
  /// The privilege level (1–3) for which the user halves of the software TLBs and the jump cache were filled.
  var userPrivilege: UInt64 = 3
  /// The jump cache may hold text of PLV0 whose mapping belongs to the current ASID.
  var kernelTextHasASID = false
  /// The text epoch for which the jump cache is valid.
  var seenTextEpoch: UInt64 = 0

  /// A load that waits for the VMM's answer.
  var pendingLoad = PendingLoad()
  /// The exit that `run` returns.
  var exit = VCPUExit.interrupted
  /// Instructions since the clock was last read.
  var sinceClock = 0
  /// Instructions retired.
  var instructions: UInt64 = 0
  /// Others of `VCPUCounters`.
  var interrupts: UInt64 = 0
  var exceptions: UInt64 = 0
  var unimplemented: UInt64 = 0
  /// Set by other threads: `run` must return.
  let kick: UnsafeMutablePointer<Atomic<UInt32>>

  /// CPUCFG words 0–20.
  let configuration: UnsafeMutablePointer<UInt32>

  /// This vCPU's CPUID.
  let id: Int
  /// Host counterpart of the vCPU's interrupt lines and of its attention word.
  let chip: Unmanaged<IRQChip>
  let waker: Unmanaged<VCPUWaker>
  /// The irqchip's lines into this vCPU, as ESTAT.IS bits.
  let lines: UnsafeMutablePointer<Atomic<UInt64>>
  /// The waker's attention word, polled between blocks.
  let attention: UnsafeMutablePointer<Atomic<UInt32>>
  let shared: Unmanaged<SharedMachine>
}

/// How the value of an MMIO load or of iocsrrd goes into its register.
struct PendingLoad {
  /// Register index, 32 for r0; nothing waits if `size` is 0.
  var register: UInt8 = 32
  /// Bytes; 0 = nothing is pending.
  var size: UInt8 = 0
  /// Sign-extend from `size` bytes.
  var signed = false
}

/// What a step outside the hot loop came to.
enum Step {
  /// Go on with the next instruction.
  static let next: UInt8 = 0
  /// `pc` (and perhaps the mode) changed, or an interrupt may have become possible: look again.
  static let reload: UInt8 = 1
  /// Leave the loop: `exit` says why, `pc` is where to go on.
  static let leave: UInt8 = 2
}

typealias CPUPointer = UnsafeMutablePointer<CPU>

extension UnsafeMutablePointer where Pointee == CPU {
  /// The current privilege level, 0–3.
  @inline(__always)
  var privilege: UInt64 { pointee.csr[CSR.crmd] & CSR.crmdPLV }

  /// Recomputes what depends on CRMD, EUEN and ASID. Called after any change of these.
  ///
  /// The key is xored into a PC to find its decoded block: bit 0 user, bit 1 direct addressing (both free in a PC),
  /// bits 48–49 FP and LSX enabled, bits 50–59 ASID for user addresses. Canonical addresses leave bits 48–59 all equal,
  /// so that two PCs of one mode cannot meet in a key; others are never entered into the jump cache.
  func refreshMode() {
    let crmd = pointee.csr[CSR.crmd]
    let user = crmd & CSR.crmdPLV != 0
    if user, crmd & CSR.crmdPLV != pointee.userPrivilege {
      pointee.userPrivilege = crmd & CSR.crmdPLV
      forgetTranslations()
    }
    let direct = crmd & CSR.crmdPG == 0
    var key: UInt64 = (user ? 1 : 0) | (direct ? 2 : 0)
    key |= (pointee.csr[CSR.euen] & 3) << 48
    if user { key |= (pointee.csr[CSR.asid] & 0x3ff) << 50 }
    pointee.modeKey = key
    let index = direct ? 2 : (user ? 1 : 0)
    pointee.dataTLB = pointee.softTLBs + index * SoftTLB.entries
  }
}
