import Hypervisor

/// Inter-processor interrupts and mailboxes, one set of registers a CPU (reference C.3; LoongArch IOCSR 0x1000).
struct IPI: ~Copyable {
  /// IOCSR address of offset 0, and the bytes behind it.
  static let base: UInt32 = 0x1000
  static let window: UInt32 = 0x160

  /// What one CPU has.
  struct Core {
    /// Pending actions; the IPI line is up while this is not 0.
    var status: UInt32 = 0
    /// EN: stored, without effect, as in KVM.
    var enable: UInt32 = 0
    /// MBUF0–MBUF3.
    var mailboxes = InlineArray<4, UInt64>(repeating: 0)
  }

  private let cores: UnsafeMutablePointer<Core>
  private let lines: CPULines

  init(lines: CPULines) {
    self.lines = lines
    cores = .allocate(capacity: CPULines.limit)
    cores.initialize(repeating: Core(), count: CPULines.limit)
  }

  deinit { cores.deallocate() }

  /// A load of `size` bytes at `offset` by `cpu`. Write-only registers and what is none read 0.
  func read(_ offset: UInt64, size: Int, cpu: Int) -> UInt64 {
    guard let lane = ByteLane(offset: offset, size: size) else { return 0 }
    let core = cores + (cpu & 0xff)
    return switch offset {
    case 0x00: UInt64(core.pointee.status) & lane.mask
    case 0x04: UInt64(core.pointee.enable) & lane.mask
    case 0x20..<0x40: lane.extract(core.pointee.mailboxes[Int(offset - 0x20) >> 3])
    default: 0
    }
  }

  /// A store by `cpu` to a register of its own. IPI_SEND and MAIL_SEND reach other CPUs; ANY_SEND (0x158) is
  /// `IRQChip`'s, because it reaches EIOINTC too. STATUS is read-only.
  mutating func write(_ offset: UInt64, size: Int, value: UInt64, cpu: Int) {
    guard let lane = ByteLane(offset: offset, size: size) else { return }
    let value = value & lane.mask
    let core = cores + (cpu & 0xff)
    switch offset {
    case 0x04: core.pointee.enable = UInt32(truncatingIfNeeded: value)
    case 0x08: setStatus(cpu & 0xff, core.pointee.status | UInt32(truncatingIfNeeded: value))
    case 0x0c: setStatus(cpu & 0xff, core.pointee.status & ~UInt32(truncatingIfNeeded: value))
    case 0x20..<0x40:
      let box = Int(offset - 0x20) >> 3
      core.pointee.mailboxes[box] = lane.merge(value, into: core.pointee.mailboxes[box])
    case 0x40: send(value)
    case 0x48: sendMail(SendCommand(value))
    default: break
    }
  }

  private mutating func setStatus(_ cpu: Int, _ status: UInt32) {
    cores[cpu].status = status
    lines.set(cpu, status != 0 ? CPULines.ipiMask : 0, mask: CPULines.ipiMask)
  }

  /// IPI_SEND: sets one bit of another CPU's STATUS. "Blocking" (bit 31) is always so here: it is done on return.
  private mutating func send(_ value: UInt64) {
    let target = SendCommand(value).cpu
    guard lines.exists(target) else { return }
    setStatus(target, cores[target].status | 1 << UInt32(truncatingIfNeeded: value & 0x1f))
  }

  /// MAIL_SEND: writes one half of another CPU's mailbox.
  private mutating func sendMail(_ command: SendCommand) {
    guard lines.exists(command.cpu) else { return }
    let half = command.low >> 2 & 7
    let (box, shift) = (Int(half >> 1), UInt64(half & 1) << 5)
    let old = cores[command.cpu].mailboxes[box]
    let new = UInt64(command.merged(with: UInt32(truncatingIfNeeded: old >> shift)))
    cores[command.cpu].mailboxes[box] = old & ~(0xffff_ffff << shift) | new << shift
  }

  /// The registers of CPUs 0 ..< `cpus`.
  func save(cpus: Int) -> [IPIState] {
    var states: [IPIState] = []
    for cpu in 0..<cpus {
      var state = IPIState()
      state.status = cores[cpu].status
      state.enable = cores[cpu].enable
      state.mailboxes = cores[cpu].mailboxes
      states.append(state)
    }
    return states
  }

  /// Takes the registers of CPUs 0 ..< `states.count` (at most 256) over. Any values are possible ones.
  mutating func restore(_ states: [IPIState]) {
    for cpu in 0..<states.count {
      cores[cpu].enable = states[cpu].enable
      cores[cpu].mailboxes = states[cpu].mailboxes
      setStatus(cpu, states[cpu].status)
    }
  }
}

/// What a guest stores to MAIL_SEND or ANY_SEND: data in bits 63:32, bytes to keep in 30:27, CPUID in 25:16, and a
/// register in the bits below.
struct SendCommand {
  let low: UInt32
  private let data: UInt32

  init(_ value: UInt64) {
    low = UInt32(truncatingIfNeeded: value)
    data = UInt32(truncatingIfNeeded: value >> 32)
  }

  /// The target's CPUID.
  var cpu: Int { Int(low >> 16 & 0x3ff) }
  /// Whether some byte keeps its old value.
  var keepsBytes: Bool { low >> 27 & 0xf != 0 }

  /// The data, with those bytes of `old` that a mask bit keeps.
  func merged(with old: UInt32) -> UInt32 {
    var kept: UInt32 = 0
    for byte: UInt32 in 0..<4 where low >> (27 + byte) & 1 != 0 { kept |= 0xff << (byte << 3) }
    return data & ~kept | old & kept
  }
}
