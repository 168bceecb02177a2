import DeviceBus
import Hypervisor
import Synchronization
import System

/// What one vCPU's thread does: run the guest, carry its register accesses to the device processes.
struct VCPUThread<H: Hypervisor>: ~Copyable {
  private let machine: VirtualMachine<H>
  private let cpu: H.CPU
  private let index: Int
  private let chip: ChipRegisters
  /// The producing end of each device's ring, made at the first access.
  private let rings: UnsafeMutablePointer<RingFrontEnd>
  /// Which of them exist. Asking the machine instead would count references at every access.
  private let made: UnsafeMutablePointer<Bool>
  /// Register accesses that left the hypervisor.
  private var exits: UInt64 = 0

  init(_ machine: VirtualMachine<H>, index: Int) {
    self.machine = machine
    self.index = index
    cpu = machine.cpus[index]
    chip = machine.chip
    rings = .allocate(capacity: BusLimits.devices)
    made = .allocate(capacity: BusLimits.devices)
    made.initialize(repeating: false, count: BusLimits.devices)
  }

  deinit {
    for i in 0..<BusLimits.devices where made[i] { (rings + i).deinitialize(count: 1) }
    rings.deallocate()
    made.deallocate()
  }

  /// Never returns: the process ends around it.
  mutating func run() {
    while true {
      machine.gate.pass()
      switch cpu.run() {
      case .mmioRead(let address, let size): cpu.completeRead(read(address, size))
      case .mmioWrite(let address, let size, let value): write(address, size, value)
      case .iocsrRead(let address, let size): cpu.completeRead(chip.readIOCSR(address, size: size))
      case .iocsrWrite: break
      case .interrupted: break
      case .failed(let failure): fail(failure)
      }
    }
  }

  /// A load outside memory. Where nothing is, the bus floats: all ones.
  private mutating func read(_ address: UInt64, _ size: UInt8) -> UInt64 {
    countExit()
    guard let target = machine.map.find(address, size: size), let ring = ring(target.device) else {
      if let value = chip.readMMIO(address, size: size) { return value }
      noteUnmapped(address)
      return .max
    }
    return ring.pointee.read(region: target.region, offset: target.offset, size: size) ?? .max
  }

  private mutating func write(_ address: UInt64, _ size: UInt8, _ value: UInt64) {
    countExit()
    guard let target = machine.map.find(address, size: size), let ring = ring(target.device) else {
      if !chip.acceptsMMIO(address) { noteUnmapped(address) }
      return
    }
    _ = ring.pointee.write(
      region: target.region, offset: target.offset, size: size, value: value, posted: target.posted)
  }

  /// Only the first is worth a line: a guest can make any number of them.
  private func noteUnmapped(_ address: UInt64) {
    guard machine.unmapped.wrappingAdd(1, ordering: .relaxed).oldValue == 0 else { return }
    Log.line(
      "vCPU \(index) of the guest accessed \(hex(address)), where nothing is; there will be no more lines about this")
  }

  /// Its own word, so that vCPUs do not pass a cache line around.
  private mutating func countExit() {
    exits &+= 1
    machine.exitCount(index).pointee.store(exits, ordering: .relaxed)
  }

  private func ring(_ device: Int) -> UnsafeMutablePointer<RingFrontEnd>? {
    if made[device] { return rings + device }
    guard let attached = machine.devices[device] else { return nil }
    (rings + device).initialize(to: RingFrontEnd(attached.link, vcpu: index))
    made[device] = true
    return rings + device
  }

  private func fail(_ failure: VCPUFailure) {
    machine.noteFailure(vcpu: index, failure)
    machine.gate.closeGate()
    // At once, not when all stand: another vCPU may wait for a device that never answers.
    machine.gate.callControl()
    machine.kickAll()
    machine.gate.standForever()
  }
}
