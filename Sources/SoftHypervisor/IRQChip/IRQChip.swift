import Hypervisor
import Synchronization
import System

/// The interrupt controllers of the LS7A machine: PCH-PIC, EIOINTC, IPI and the MSI doorbell, under one lock.
///
/// vCPU threads, the irqfd thread and the VMM call it at the same time. No guest access allocates, and none fails: what is
/// no register reads 0 and ignores writes. Lines come out in one word a vCPU (`lineWord`), which the vCPU reads without
/// the lock; a line that rises pokes the vCPU's waker.
final class IRQChip: @unchecked Sendable {
  private let lock = Lock()
  private let lines: CPULines
  private var pic: PCHPIC
  private var eiointc: EIOINTC
  private var ipi: IPI

  /// `eiointcFeatures`: what the virtual extension offers (reference C.2). 0, the default, is none, as QEMU's TCG has it:
  /// the guest is not told of a hypervisor, so it would not look.
  init(eiointcFeatures: UInt32 = 0) {
    lines = CPULines()
    pic = PCHPIC()
    eiointc = EIOINTC(features: eiointcFeatures, lines: lines)
    ipi = IPI(lines: lines)
  }

  deinit { lines.destroy() }

  /// Makes vCPU `cpu` (its CPUID, 0–255) known; until then nothing is routed or sent to it. Returns where its lines
  /// stand, valid while the irqchip lives. Nil if the number is taken or out of range.
  func attach(cpu: Int, waker: VCPUWaker) -> UnsafeMutablePointer<Atomic<UInt64>>? {
    changing { lines.attach(cpu, waker) } ? lines.word(cpu) : nil
  }

  /// The lines of a vCPU as ESTAT.IS bits; 0 for one that cannot be.
  func lines(_ cpu: Int) -> UInt64 {
    guard cpu >= 0, cpu < CPULines.limit else { return 0 }
    return lines.word(cpu).pointee.load(ordering: .acquiring)
  }

  /// Runs `body` with the lock held, then wakes the vCPUs that it raised a line of.
  @inline(__always)
  private func changing<Result>(_ body: () -> Result) -> Result {
    lock.lock()
    let result = body()
    let raised = lines.takeRaised()
    lock.unlock()
    lines.wake(raised)
    return result
  }

  /// A device's pin: both levels for a level pin; for an edge pin each `true` is a pulse. No such pin: nothing.
  func setPin(_ pin: Int, level: Bool) { changing { pic.set(pin, level: level, &eiointc) } }

  /// A message-signalled interrupt; false if there is no such vector (0–255).
  @discardableResult
  func signalMSI(_ vector: UInt32) -> Bool {
    guard vector < UInt32(EIOINTC.vectors) else { return false }
    changing { eiointc.set(Int(vector), level: true) }
    return true
  }

  /// A guest's load from `address`; nil if it belongs to no register window of the irqchip.
  func read(mmio address: UInt64, size: Int) -> UInt64? {
    guard let (window, offset) = IRQChipWindow.find(address) else { return nil }
    lock.lock()
    defer { lock.unlock() }
    switch window {
    case .pchPIC: return pic.read(offset, size: size)
    case .msi: return 0
    case .ipi: return ipi.read(offset & 0xff, size: size, cpu: Int(offset >> 8))
    case .eiointc:
      if 0x300..<0x320 ~= offset { return eiointc.readRequests(offset - 0x300, size: size) }
      if 0x400..<0x420 ~= offset { return 0 }
      return eiointc.read(offset, size: size, cpu: 0)
    case .eiointcCore: return eiointc.read(0x400 + offset & 0xff, size: size, cpu: Int(offset >> 8))
    }
  }

  /// A guest's store to `address`; false if it belongs to no register window of the irqchip.
  func write(mmio address: UInt64, size: Int, value: UInt64) -> Bool {
    guard let (window, offset) = IRQChipWindow.find(address) else { return false }
    changing {
      switch window {
      case .pchPIC: pic.write(offset, size: size, value: value, &eiointc)
      case .msi: writeDoorbell(offset, size: size, value)
      case .ipi:
        // Registers of CPUs that do not exist would be storage that no state holds.
        if lines.exists(Int(offset >> 8)) {
          ipi.write(offset & 0xff, size: size, value: value, cpu: Int(offset >> 8))
        }
      case .eiointc:
        if !(0x400..<0x420 ~= offset) { eiointc.write(offset, size: size, value: value, cpu: 0) }
      case .eiointcCore: eiointc.write(0x400 + offset & 0xff, size: size, value: value, cpu: Int(offset >> 8))
      }
    }
    return true
  }

  /// The MSI doorbell takes the vector as 32-bit data at its first address (reference C.4); others are ignored, as KVM
  /// refuses them.
  private func writeDoorbell(_ offset: UInt64, size: Int, _ value: UInt64) {
    guard offset == 0, let lane = ByteLane(offset: 0, size: size) else { return }
    let vector = value & lane.mask & 0xffff_ffff
    if vector < UInt64(EIOINTC.vectors) { eiointc.set(Int(vector), level: true) }
  }

  /// An iocsrrd by `cpu`; nil if the address is the VMM's (VERSION, FEATURES, MISC_FUNC …; reference C.5).
  func readIOCSR(cpu: Int, address: UInt32, size: Int) -> UInt64? {
    lock.lock()
    defer { lock.unlock() }
    return registerRead(cpu, address, size)
  }

  /// An iocsrwr by `cpu`; false if the address is the VMM's.
  func writeIOCSR(cpu: Int, address: UInt32, size: Int, value: UInt64) -> Bool {
    changing {
      guard address == IPI.base + 0x158 else { return registerWrite(cpu, address, size, value) }
      guard let lane = ByteLane(offset: 0x158, size: size) else { return true }
      sendAny(SendCommand(value & lane.mask))
      return true
    }
  }

  private func registerRead(_ cpu: Int, _ address: UInt32, _ size: Int) -> UInt64? {
    let (ipiOffset, eiointcOffset) = (address &- IPI.base, address &- EIOINTC.base)
    if ipiOffset < IPI.window { return ipi.read(UInt64(ipiOffset), size: size, cpu: cpu) }
    if eiointcOffset < EIOINTC.window { return eiointc.read(UInt64(eiointcOffset), size: size, cpu: cpu) }
    let virtualOffset = address &- EIOINTC.virtualBase
    return virtualOffset < EIOINTC.virtualWindow ? eiointc.readVirtual(virtualOffset, size: size) : nil
  }

  private func registerWrite(_ cpu: Int, _ address: UInt32, _ size: Int, _ value: UInt64) -> Bool {
    let (ipiOffset, eiointcOffset) = (address &- IPI.base, address &- EIOINTC.base)
    let virtualOffset = address &- EIOINTC.virtualBase
    if ipiOffset < IPI.window {
      ipi.write(UInt64(ipiOffset), size: size, value: value, cpu: cpu)
    } else if eiointcOffset < EIOINTC.window {
      eiointc.write(UInt64(eiointcOffset), size: size, value: value, cpu: cpu)
    } else if virtualOffset < EIOINTC.virtualWindow {
      eiointc.writeVirtual(virtualOffset, size: size, value: value)
    } else {
      return false
    }
    return true
  }

  /// ANY_SEND: a 4-byte store to an IOCSR of another CPU, some bytes kept. Registers of the VMM cannot be reached, as in
  /// KVM; ANY_SEND itself is not one of `registerWrite`'s, so that a command cannot send another.
  private func sendAny(_ command: SendCommand) {
    guard lines.exists(command.cpu) else { return }
    let address = command.low & 0xffff
    var old: UInt32 = 0
    if command.keepsBytes {
      guard let word = registerRead(command.cpu, address, 4) else { return }
      old = UInt32(truncatingIfNeeded: word)
    }
    _ = registerWrite(command.cpu, address, 4, UInt64(command.merged(with: old)))
  }

  /// The state of all controllers, and each vCPU's lines (ESTAT.IS bits) that follow from it.
  func save() -> (state: InterruptControllerState, lines: [UInt64]) {
    lock.lock()
    defer { lock.unlock() }
    let cpus = lines.count
    var state = InterruptControllerState()
    state.pic = pic.save()
    state.extended = eiointc.save(cpus: cpus)
    state.ipi = ipi.save(cpus: cpus)
    var raised: [UInt64] = []
    for cpu in 0..<cpus { raised.append(lines(cpu)) }
    return (state, raised)
  }

  /// Whether controllers of this many vCPUs, here or in KVM, can have come to `state`, which is hostile.
  func isPossible(_ state: InterruptControllerState) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    let cpus = lines.count
    return PCHPIC.isPossible(state.pic) && eiointc.isPossible(state.extended, cpus: cpus) && state.ipi.count == cpus
  }

  /// Takes over a saved state. Throws `badState`, with nothing changed, if it is not possible.
  func restore(_ state: InterruptControllerState) throws(HypervisorError) {
    guard isPossible(state) else { throw .badState }
    changing {
      pic.restore(state.pic)
      eiointc.restore(state.extended)
      ipi.restore(state.ipi)
    }
  }
}

/// The address ranges that the irqchip serves (architecture, 5).
enum IRQChipWindow {
  case pchPIC
  /// CPU n's IPI registers at n × 256, those below 0x50 of IOCSR 0x1000.
  case ipi
  /// EIOINTC's common registers, from IOCSR 0x1400 on.
  case eiointc
  /// CPU n's COREISR at n × 256.
  case eiointcCore
  case msi

  // The views of IPI and EIOINTC are laid out as Loongson's vendor machine has them (reference E.1, F).
  static func find(_ address: UInt64) -> (IRQChipWindow, offset: UInt64)? {
    switch address {
    case 0x1000_0000..<0x1000_1000: (.pchPIC, address - 0x1000_0000)
    case 0x1f00_0000..<0x1f01_0000: (.ipi, address - 0x1f00_0000)
    case 0x1f01_0000..<0x1f02_0000: (.eiointc, address - 0x1f01_0000)
    case 0x1f02_0000..<0x1f03_0000: (.eiointcCore, address - 0x1f02_0000)
    case 0x2ff0_0000..<0x2ff0_0008: (.msi, address - 0x2ff0_0000)
    default: nil
    }
  }
}
