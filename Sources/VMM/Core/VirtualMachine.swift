import DeviceBus
import Hypervisor
import Machine
import Synchronization
import System

/// Why the core gives up; a sentence for each case.
enum VMMError: Error {
  /// The supervisor is gone or broke the protocol.
  case channel(ChannelError)
  /// The hypervisor refused.
  case hypervisor(HypervisorError)
  /// The host refused.
  case system(SystemError)
  /// The supervisor asked for something out of order or impossible.
  case refused(StaticString)

  var sentence: String {
    switch self {
    case .channel(let error): error.sentence
    case .hypervisor(let error): error.sentence
    case .system(let error): error.sentence
    case .refused(let what): what.text
    }
  }
}

/// One machine: guest RAM, vCPUs and where their register accesses go. Generic over the hypervisor, and never told which.
///
/// The control thread fills it before the first `run`; afterwards vCPU threads only read it.
final class VirtualMachine<H: Hypervisor>: @unchecked Sendable {
  let hypervisor: H
  let gate: RunGate
  private let ram: Mapping
  /// The boot ROM, if the machine has one.
  private let rom: BootROM?
  private(set) var cpus: [H.CPU] = []
  private(set) var devices = [AttachedDevice?](repeating: nil, count: BusLimits.devices)
  private(set) var map = AddressMap()
  /// What the core answers itself.
  private(set) var chip = ChipRegisters(isParavirtual: false)
  private var started = false

  /// Register accesses that left the hypervisor.
  private let exits: UnsafeMutablePointer<Atomic<UInt64>>
  /// Messages that the control thread sent because of a device, ring faults: there is no other path for them.
  let deviceMessages = Atomic<UInt64>(0)
  /// Requests of devices to bind and unbind doorbells and vectors.
  let bindings = Atomic<UInt64>(0)
  /// Accesses to addresses where nothing is.
  let unmapped = Atomic<UInt64>(0)
  /// The vCPU that failed first, plus 1, and from bit 32 on why; 0 while none has.
  private let failed = Atomic<UInt64>(0)

  /// Maps guest RAM and boot ROM and creates all vCPUs, standing still.
  init(
    _ hypervisor: H, setup: MachineSetup, ram descriptor: borrowing FileDescriptor,
    rom romDescriptor: consuming FileDescriptor? = nil, arrival: consuming EventCounter
  ) throws(VMMError) {
    self.hypervisor = hypervisor
    gate = RunGate(vcpus: Int(setup.vcpus), arrival: arrival)
    exits = .allocate(capacity: Int(setup.vcpus) * 8)
    for i in 0..<(Int(setup.vcpus) * 8) { (exits + i).initialize(to: Atomic<UInt64>(0)) }
    ram = try Self.map(descriptor, bytes: setup.ramBytes)
    rom = try Self.mapROM(romDescriptor, bytes: setup.romBytes)
    do throws(HypervisorError) {
      for part in RAMLayout.ranges(bytes: setup.ramBytes) {
        try hypervisor.addMemory(
          guestAddress: part.range.start, host: ram.base + Int(part.fileOffset), size: part.range.size)
      }
      if let rom {
        try hypervisor.addReadOnlyMemory(
          guestAddress: MemoryMap.flashCode.start, host: UnsafeRawPointer(rom.mapping.base), size: setup.romBytes)
      }
      for id in 0..<Int(setup.vcpus) { cpus.append(try hypervisor.createVCPU(id: id)) }
    } catch {
      throw .hypervisor(error)
    }
    chip = ChipRegisters(isParavirtual: hypervisor.isParavirtual)
  }

  deinit { exits.deallocate() }

  private static func map(_ descriptor: borrowing FileDescriptor, bytes: UInt64) throws(VMMError) -> Mapping {
    do throws(SystemError) {
      try MemoryFile.requireSealed(descriptor, size: Int(bytes))
      return try Mapping.guestRAM(descriptor, size: Int(bytes))
    } catch {
      throw .system(error)
    }
  }

  private static func mapROM(
    _ descriptor: consuming FileDescriptor?, bytes: UInt64
  ) throws(VMMError) -> BootROM? {
    guard let descriptor else { return nil }
    do throws(SystemError) {
      try MemoryFile.requireSealed(descriptor, size: Int(bytes))
      return BootROM(try Mapping.shared(descriptor, size: Int(bytes), .read))
    } catch {
      throw .system(error)
    }
  }

  /// Sets the registers every vCPU starts with.
  func boot(_ entry: BootEntry) throws(VMMError) {
    guard !started else { throw .refused("the supervisor sent a second start address") }
    started = true
    for (id, cpu) in cpus.enumerated() {
      var registers = VCPURegisters()
      registers.pc = id == 0 ? entry.pc : entry.parkAddress
      if id == 0 {
        registers.gpr[4] = entry.a0
        registers.gpr[5] = entry.a1
        registers.gpr[6] = entry.a2
      }
      cpu.registers = registers
    }
  }

  /// Connects a device, or the new incarnation of one.
  func attach(
    _ message: AttachDevice, ring: borrowing FileDescriptor, wake: consuming FileDescriptor,
    interrupt: consuming FileDescriptor, control: consuming FileDescriptor
  ) throws(VMMError) {
    let index = Int(message.deviceIndex)
    if let known = devices[index] {
      return try reattach(known, message, wake: wake, interrupt: interrupt)
    }
    guard !started else { throw .refused("a device that the machine did not start with was attached") }
    guard map.add(device: index, regions: message.regions) else {
      throw .refused("a device's registers overlap another device's")
    }
    do throws(SystemError) {
      let link = try DeviceLink(segment: ring, vcpus: cpus.count, wake: wake, control: control)
      devices[index] = AttachedDevice(message, link: link)
    } catch {
      throw .system(error)
    }
    try connect(index, interrupt)
  }

  private func reattach(
    _ device: AttachedDevice, _ message: AttachDevice, wake: consuming FileDescriptor,
    interrupt: consuming FileDescriptor
  ) throws(VMMError) {
    guard message.backChannel == device.description.backChannel else {
      throw .refused("a device came back with another kind of interrupt")
    }
    try connect(Int(message.deviceIndex), interrupt)
    do throws(SystemError) { try device.link.reattach(wake: wake) } catch { throw .system(error) }
  }

  private func connect(_ index: Int, _ interrupt: consuming FileDescriptor) throws(VMMError) {
    do throws(HypervisorError) { try devices[index]?.connect(interrupt, hypervisor) } catch { throw .hypervisor(error) }
  }

  /// A device will not come back.
  func abandon(_ index: Int) {
    devices[index]?.link.abandon()
    devices[index]?.disconnect(hypervisor)
  }

  /// vCPU `vcpu` cannot go on, and its thread does not touch it again; only the first failure counts.
  func noteFailure(vcpu: Int, _ failure: VCPUFailure) {
    let word = UInt64(truncatingIfNeeded: vcpu + 1) | UInt64(failure.rawValue) << 32
    _ = failed.compareExchange(expected: 0, desired: word, ordering: .acquiringAndReleasing)
  }

  /// The registers of the vCPU that failed first; nil while none has.
  var failureReport: RegisterReport? {
    let word = failed.load(ordering: .acquiring)
    guard word != 0 else { return nil }
    return report(Int(word & 0xffff_ffff) - 1, code: UInt8(truncatingIfNeeded: word >> 32))
  }

  /// Where vCPU `index` counts its register accesses: a cache line each.
  @inline(__always)
  func exitCount(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> { exits + index * 8 }

  /// Makes every vCPU leave its guest code.
  func kickAll() { for cpu in cpus { cpu.kick() } }

  /// The registers of vCPU `index`, which must stand still.
  func report(_ index: Int, code: UInt8) -> RegisterReport {
    var report = RegisterReport()
    guard index >= 0, index < cpus.count else { return report }
    let registers = cpus[index].registers
    let control = cpus[index].controlRegisters
    report.vcpu = UInt32(index)
    report.code = UInt32(code)
    report.pc = registers.pc
    report.gpr = registers.gpr
    (report.crmd, report.prmd, report.estat) = (control.crmd, control.prmd, control.estat)
    (report.era, report.badv, report.eentry) = (control.era, control.badv, control.eentry)
    return report
  }

  /// What the machine has done so far.
  var counters: MachineCounters {
    var sum = MachineCounters()
    for cpu in cpus {
      let one = cpu.counters
      sum.instructions &+= one.instructions
      sum.interrupts &+= one.interrupts
      sum.exceptions &+= one.exceptions
      sum.unimplemented &+= one.unimplemented
    }
    for index in 0..<cpus.count { sum.mmioExits &+= exitCount(index).pointee.load(ordering: .relaxed) }
    sum.coreMessages = deviceMessages.load(ordering: .relaxed)
    sum.bindings = bindings.load(ordering: .relaxed)
    for index in 0..<BusLimits.devices { sum.deviceAccesses[index] = devices[index]?.link.accesses ?? 0 }
    return sum
  }
}

/// Memory that guests run from and nobody writes.
final class BootROM {
  let mapping: Mapping
  init(_ mapping: consuming Mapping) { self.mapping = mapping }
}
