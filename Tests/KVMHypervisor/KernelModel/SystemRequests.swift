// Requests of /dev/kvm and of a machine. Linux 7.2.12, virt/kvm/kvm_main.c; arch/loongarch/kvm/{vm,mmu}.c.

extension KernelModel {
  func systemRequest(_ request: UInt32, _ argument: UInt64) -> Int? {
    switch request {
    case Request.getAPIVersion: argument == 0 ? apiVersion : Failure.invalid
    case Request.createVM: createMachine()
    case Request.checkExtension: capability(Int(truncatingIfNeeded: argument))
    // kvm_run and the coalesced MMIO ring.
    case Request.getVCPUMapSize: argument == 0 ? 2 * host.pageSize : Failure.invalid
    default: nil
    }
  }

  private func createMachine() -> Int {
    let machine = ModelMachine(kernel: self)
    machines.append(machine)
    return open(.machine(machine))
  }

  func capability(_ number: Int) -> Int {
    if let forced = capabilities[number] { return forced }
    let irqchip = behaviour.hasIRQChip ? 1 : 0
    switch number {
    // USER_MEMORY, MP_STATE, SYNC_MMU, DESTROY_ and JOIN_MEMORY_REGIONS, SET_GUEST_DEBUG, IOEVENTFD, INTERNAL_ERROR_DATA,
    // ENABLE_CAP, ONE_REG, READONLY_MEM, DEVICE_CTRL, ENABLE_CAP_VM, CHECK_EXTENSION_VM, IOEVENTFD_ANY_LENGTH,
    // IMMEDIATE_EXIT, COALESCED_MMIO and _PIO, HALT_POLL, BINARY_STATS_FD, SYSTEM_EVENT_DATA, USER_MEMORY2
    case 3, 14, 15, 16, 21, 23, 30, 36, 40, 54, 70, 81, 89, 98, 105, 122, 136, 162, 182, 203, 215, 231: return 1
    // IRQCHIP, IRQFD, SIGNAL_MSI
    case 0, 32, 77: return irqchip
    // IRQ_ROUTING
    case 25: return 4096 * irqchip
    // NR_VCPUS, MAX_VCPUS, MAX_VCPU_ID
    case 9: return min(host.onlineCPUs, 256)
    case 66, 128: return 256
    // NR_MEMSLOTS: SHRT_MAX but for those of the kernel
    case 10: return 32767
    // MANUAL_DIRTY_LOG_PROTECT2
    case 168: return 3
    // DIRTY_LOG_RING_ACQ_REL
    case 223: return behaviour.hasNewFeatures ? 1 << 20 : 0
    // VCPU_ATTRIBUTES, STEAL_TIME
    case 127: return behaviour.tellsAttributeCapabilities ? 1 : 0
    case 187: return behaviour.tellsAttributeCapabilities && host.hasStealTime ? 1 : 0
    // Loongson's own: FPU, LSX, VZ
    case 228, 229, 230: return behaviour.isVendor ? 1 : 0
    default: return 0
    }
  }

  func machineRequest(_ machine: ModelMachine, _ request: UInt32, _ argument: UInt64) -> Int? {
    switch request {
    case Request.createVCPU: return createVCPU(machine, argument)
    case Request.setMemoryRegion, Request.setMemoryRegion2:
      return machine.setRegion(at: argument, flagMask: request == Request.setMemoryRegion ? 3 : 7)
    case Request.getDirtyLog: return machine.takeDirtyLog(at: argument)
    case Request.checkExtension: return capability(Int(truncatingIfNeeded: argument))
    case Request.createDevice: return createDevice(machine, argument)
    case Request.ioeventfd: return machine.bindDoorbell(at: argument)
    case Request.irqfd: return machine.bindIRQFD(at: argument)
    case Request.enableCapability: return machine.enableCapability(at: argument)
    case Request.hasAttribute where !behaviour.isVendor: return hasFeature(argument)
    case Request.createIRQChip where behaviour.hasIRQChip || behaviour.isVendor: return 0
    case Request.irqLine where behaviour.hasIRQChip: return machine.irqLine(at: argument)
    case Request.setRouting where behaviour.hasIRQChip: return machine.setRouting(at: argument)
    case Request.signalMSI where behaviour.hasIRQChip: return machine.signalMessage(at: argument)
    // Loongson's KVM_GET_CPUCFG and its relatives (reference F), whatever their size.
    case _ where behaviour.isVendor && request & 0xffff >= 0xaed0 && request & 0xffff <= 0xaed5: return 0
    default: return nil
    }
  }

  private func createVCPU(_ machine: ModelMachine, _ id: UInt64) -> Int {
    guard id < 256 else { return Failure.invalid }
    guard machine.vcpus[Int(id)] == nil else { return Failure.exists }
    let vcpu = ModelVCPU(machine: machine, id: Int(id), areaSize: 2 * host.pageSize)
    machine.vcpus[Int(id)] = vcpu
    return open(.vcpu(vcpu))
  }

  /// struct kvm_create_device: type @0, descriptor @4, flags @8.
  private func createDevice(_ machine: ModelMachine, _ argument: UInt64) -> Int {
    guard let type: UInt32 = User.read(argument, 0), let flags: UInt32 = User.read(argument, 8) else {
      return Failure.fault
    }
    guard hasDevice(type) else { return Failure.noDevice }
    if flags & 1 != 0 { return 0 }
    let result = machine.create(device: type)
    guard result == 0 else { return result }
    _ = User.write(argument, 4, UInt32(open(.device(type, machine))))
    return 0
  }

  private func hasDevice(_ type: UInt32) -> Bool {
    switch type {
    case DeviceType.ipi, DeviceType.eiointc, DeviceType.pchPIC: behaviour.hasIRQChip
    case DeviceType.dmsintc: behaviour.hasNewFeatures && host.hasMessageInterrupts
    default: false
    }
  }

  /// KVM_HAS_DEVICE_ATTR on a machine: group 0, its features.
  private func hasFeature(_ argument: UInt64) -> Int {
    guard let group: UInt32 = User.read(argument, 4), let attribute: UInt64 = User.read(argument, 8) else {
      return Failure.fault
    }
    guard group == 0 else { return Failure.noDeviceOrAddress }
    let isThere: Bool =
      switch attribute {
      case 0: host.has(2, bit: 6)
      case 1: host.has(2, bit: 7)
      case 2...4: host.has(2, bit: 16 + Int(attribute))
      case 5: host.hasPMU
      case 6: true
      case 7: host.hasStealTime
      case 8: behaviour.hasNewFeatures && host.has(2, bit: 24)
      case 9: behaviour.hasNewFeatures && host.hasMessageInterrupts
      case 10: behaviour.hasNewFeatures && host.hasStealTime
      default: false
      }
    return isThere ? 0 : Failure.noDeviceOrAddress
  }

  // MARK: devices

  /// Requests of a device: struct kvm_device_attr: flags @0, group @4, attribute @8, address @16.
  func deviceRequest(_ type: UInt32, _ machine: ModelMachine, _ request: UInt32, _ argument: UInt64) -> Int? {
    guard request == Request.setAttribute || request == Request.getAttribute || request == Request.hasAttribute else {
      return nil
    }
    // No LoongArch device has has_attr, and DMSINTC has no get_attr.
    if request == Request.hasAttribute { return Failure.permission }
    let write = request == Request.setAttribute
    if type == DeviceType.dmsintc, !write { return Failure.permission }
    guard let group: UInt32 = User.read(argument, 4), let attribute: UInt64 = User.read(argument, 8),
      let address: UInt64 = User.read(argument, 16)
    else { return Failure.fault }
    switch (type, group) {
    case (DeviceType.ipi, 0x4000_0001): return machine.ipiAttribute(attribute, write: write, at: address)
    case (DeviceType.eiointc, 0x4000_0002):
      return machine.eiointc?.register(attribute, write: write, at: address) ?? Failure.invalid
    case (DeviceType.eiointc, 0x4000_0003):
      return machine.eiointc?.softwareStatus(attribute, write: write, at: address) ?? Failure.invalid
    case (DeviceType.eiointc, 0x4000_0004) where write:
      let limit = behaviour.eiointcCPULimit
      return machine.eiointc?.control(attribute, at: address, cpuLimit: limit) ?? Failure.invalid
    case (DeviceType.pchPIC, 0x4000_0005):
      return machine.pic?.attribute(attribute, write: write, at: address) ?? Failure.invalid
    case (DeviceType.pchPIC, 0x4000_0006) where write && attribute == 0: return machine.placePIC(at: address)
    case (DeviceType.dmsintc, 0x4000_0007): return machine.placeMessageWindow(attribute, at: address)
    default: return Failure.invalid
    }
  }
}

extension ModelMachine {
  func placePIC(at address: UInt64) -> Int {
    guard let base: UInt64 = User.read(address) else { return Failure.fault }
    if pic?.base != nil { kernel.hazards.append("PCH-PIC placed twice: its bus device is registered twice") }
    pic?.base = base
    return 0
  }

  func placeMessageWindow(_ attribute: UInt64, at address: UInt64) -> Int {
    guard attribute <= 1 else { return Failure.noDeviceOrAddress }
    guard let value: UInt64 = User.read(address) else { return Failure.fault }
    if attribute == 0 {
      guard messageController?.base == 0 else { return Failure.fault }
      guard value & 0xfff == 0 else { return Failure.invalid }
      messageController?.base = value
    } else {
      guard messageController?.size == 0 else { return Failure.fault }
      messageController?.size = value
    }
    return 0
  }

  /// struct kvm_irq_level.
  func irqLine(at address: UInt64) -> Int {
    guard let irq: UInt32 = User.read(address, 0), let level: UInt32 = User.read(address, 4) else {
      return Failure.fault
    }
    guard hasIRQChip else { return Failure.noDeviceOrAddress }
    // Whether anything listens is told only by KVM_IRQ_LINE_STATUS.
    setLine(gsi: irq, level: level != 0)
    return 0
  }

  /// struct kvm_msi.
  func signalMessage(at address: UInt64) -> Int {
    guard let low: UInt32 = User.read(address, 0), let high: UInt32 = User.read(address, 4),
      let data: UInt32 = User.read(address, 8), let flags: UInt32 = User.read(address, 12)
    else { return Failure.fault }
    guard hasIRQChip, flags & ~1 == 0 else { return Failure.invalid }
    return message(address: UInt64(high) << 32 | UInt64(low), data: data)
  }

  /// struct kvm_enable_cap: capability @0, flags @4, arguments @8.
  func enableCapability(at address: UInt64) -> Int {
    guard let number: UInt32 = User.read(address, 0), let flags: UInt32 = User.read(address, 4),
      let value: UInt64 = User.read(address, 8)
    else { return Failure.fault }
    switch number {
    case 168:
      guard flags == 0, value & ~(value & 1 != 0 ? 3 : 1) == 0 else { return Failure.invalid }
      manualDirtyProtection = value
      return 0
    case 182: return flags == 0 && value <= UInt32.max ? 0 : Failure.invalid
    default: return Failure.invalid
    }
  }

  // MARK: memory

  /// struct kvm_userspace_memory_region: slot @0, flags @4, guest address @8, size @16, host address @24.
  func setRegion(at address: UInt64, flagMask: UInt32) -> Int {
    guard let number: UInt32 = User.read(address, 0), let flags: UInt32 = User.read(address, 4),
      let guest: UInt64 = User.read(address, 8), let size: UInt64 = User.read(address, 16),
      let hostAddress: UInt64 = User.read(address, 24)
    else { return Failure.fault }
    // GUEST_MEMFD, 4, exists on no LoongArch kernel.
    guard flags & ~flagMask == 0, flags & ~3 == 0 else { return Failure.invalid }
    let page = UInt64(kernel.host.pageSize)
    guard size % page == 0, guest % page == 0, hostAddress % page == 0 else { return Failure.invalid }
    // One address space; 32767 slots; user space ends at 1 << 47.
    guard number < 32767, hostAddress < 1 << 47, size <= 1 << 47 - hostAddress else { return Failure.invalid }
    let (end, overflow) = guest.addingReportingOverflow(size)
    guard !overflow, size / page <= 1 << 31 - 1 else { return Failure.invalid }
    let old = slots[Int(number)]
    guard size > 0 else {
      guard old != nil else { return Failure.invalid }
      slots[Int(number)] = nil
      return 0
    }
    let made = ModelSlot(
      guestAddress: guest, size: size, host: hostAddress, flags: flags,
      dirty: flags & 1 != 0 ? bitmap(size) : [])
    if let old { return change(Int(number), old, made, end) }
    return create(Int(number), made, end)
  }

  private func bitmap(_ size: UInt64) -> [UInt64] {
    [UInt64](repeating: 0, count: (Int(size) / kernel.host.pageSize + 63) / 64)
  }

  private func create(_ number: Int, _ slot: ModelSlot, _ end: UInt64) -> Int {
    for (other, old) in slots where other != number {
      if slot.guestAddress < old.guestAddress + old.size, old.guestAddress < end { return Failure.exists }
    }
    guard end <= 1 << UInt64(kernel.host.guestAddressBits) else { return Failure.noMemory }
    slots[number] = slot
    return 0
  }

  private func change(_ number: Int, _ old: ModelSlot, _ new: ModelSlot, _ end: UInt64) -> Int {
    guard new.host == old.host, new.size == old.size, (new.flags ^ old.flags) & 2 == 0 else { return Failure.invalid }
    if new.guestAddress != old.guestAddress { return create(number, new, end) }
    if new.flags != old.flags { slots[number] = new }
    return 0
  }

  /// struct kvm_dirty_log: slot @0, bitmap's address @8.
  func takeDirtyLog(at address: UInt64) -> Int {
    guard let number: UInt32 = User.read(address, 0), let place: UInt64 = User.read(address, 8) else {
      return Failure.fault
    }
    guard number < 32767 else { return Failure.invalid }
    guard let slot = slots[Int(number)], slot.logsDirtyPages else { return Failure.noEntry }
    for (index, word) in slot.dirty.enumerated() {
      guard User.write(place, index * 8, word) else { return Failure.fault }
    }
    if manualDirtyProtection & 1 == 0 { slots[Int(number)]?.dirty = bitmap(slot.size) }
    return 0
  }
}
