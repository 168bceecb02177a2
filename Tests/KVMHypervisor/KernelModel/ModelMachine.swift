// A VM as the kernel keeps it, and what is on its buses. Linux 7.2.12, virt/kvm/kvm_main.c, arch/loongarch/kvm/vm.c.

/// Guest memory of a slot.
struct ModelSlot {
  var guestAddress: UInt64
  var size: UInt64
  var host: UInt64
  var flags: UInt32
  /// Pages stored to, if the slot logs them.
  var dirty: [UInt64] = []

  func contains(_ address: UInt64, _ length: Int) -> Bool {
    address >= guestAddress && address - guestAddress < size && UInt64(length) <= size - (address - guestAddress)
  }
  var isReadOnly: Bool { flags & 2 != 0 }
  var logsDirtyPages: Bool { flags & 1 != 0 }
}

/// What a GSI leads to.
enum ModelRoute: Equatable {
  case pin(chip: UInt32, pin: Int)
  case message(address: UInt64, data: UInt32)
}

final class ModelMachine {
  unowned let kernel: KernelModel
  var slots: [Int: ModelSlot] = [:]
  var vcpus: [Int: ModelVCPU] = [:]
  /// CPUIDs that have been given away.
  var cpuids: [Int: ModelVCPU] = [:]
  var hasIPI = false
  var eiointc: EIOINTC?
  var pic: PCHPIC?
  var messageController: MessageController?
  var routes: [UInt32: [ModelRoute]] = [:]
  var irqfds: [IRQFDBinding] = []
  var doorbells: [DoorbellBinding] = []
  var timeOffset: UInt64 = 0
  var paravirtual: UInt64
  var paravirtualIsSet = false
  var manualDirtyProtection: UInt64 = 0

  /// DMSINTC's window.
  struct MessageController {
    var base: UInt64 = 0
    var size: UInt64 = 0
  }

  init(kernel: KernelModel) {
    self.kernel = kernel
    paravirtual = 1 << 1
    if kernel.host.hasStealTime { paravirtual |= 1 << 2 }
    if kernel.host.hasStealTime, kernel.behaviour.hasNewFeatures { paravirtual |= 1 << 3 }
  }

  /// kvm_arch_irqchip_in_kernel: all three.
  var hasIRQChip: Bool { hasIPI && eiointc != nil && pic != nil }

  func vcpuByCPUID(_ cpuid: Int) -> ModelVCPU? { cpuids[cpuid] }

  // MARK: devices

  /// KVM_CREATE_DEVICE, type already known: 0 or -errno.
  func create(device type: UInt32) -> Int {
    switch type {
    case DeviceType.ipi where !hasIPI: hasIPI = true
    case DeviceType.eiointc where eiointc == nil: eiointc = makeEIOINTC()
    case DeviceType.pchPIC where pic == nil:
      setDefaultRoutes()
      let made = PCHPIC(isWide: kernel.behaviour.hasWidePIC)
      made.output = { [unowned self] vector, level in raise(vector: vector, level) }
      pic = made
    case DeviceType.dmsintc where messageController == nil: messageController = MessageController()
    default: return Failure.invalid
    }
    return 0
  }

  private func makeEIOINTC() -> EIOINTC {
    let made = EIOINTC(swallowsBadAccesses: kernel.behaviour.swallowsBadAccesses)
    made.identify = { [unowned self] in cpuids[$0]?.id }
    made.exists = { [unowned self] in vcpus[$0] != nil }
    made.drive = { [unowned self] cpu, line, level in vcpus[cpu]?.drive(line: 2 + line, level: level) }
    made.hazard = { [unowned self] in kernel.hazards.append($0) }
    return made
  }

  private func setDefaultRoutes() {
    routes = [:]
    for pin in 0..<64 { routes[UInt32(pin)] = [.pin(chip: 0, pin: pin)] }
  }

  /// The EIOINTC's input. Without the device the kernel would follow a null pointer.
  private func raise(vector: Int, _ level: Bool) {
    guard let eiointc else { return kernel.hazards.append("PCH-PIC without EIOINTC") }
    eiointc.set(vector: vector, level: level)
  }

  // MARK: interrupts from outside

  /// kvm_set_irq: through every route of the GSI; -1 if there is none.
  @discardableResult
  func setLine(gsi: UInt32, level: Bool) -> Int {
    var result = -1
    for route in routes[gsi] ?? [] {
      let one = follow(route, level: level)
      if one >= 0 { result = one + max(result, 0) }
    }
    return result
  }

  private func follow(_ route: ModelRoute, level: Bool) -> Int {
    switch route {
    case .pin(_, let pin):
      pic?.set(pin: pin, level: level)
      return 0
    case .message(let address, let data): return level ? message(address: address, data: data) : -1
    }
  }

  /// kvm_arch_set_irq_inatomic: level 1 of one route.
  func injectAtomically(_ route: ModelRoute) { _ = follow(route, level: true) }

  /// A message-signalled interrupt: 0 or -errno.
  func message(address: UInt64, data: UInt32) -> Int {
    if let window = messageController, kernel.host.hasMessageInterrupts, address >= window.base,
      address - window.base < window.size
    {
      return deliverToCPU(address, window)
    }
    if data >= 256 {
      if kernel.behaviour.checksMessageData { return Failure.invalid }
      kernel.hazards.append("MSI data \(data)")
      return 0
    }
    raise(vector: Int(data), true)
    return 0
  }

  private func deliverToCPU(_ address: UInt64, _ window: MessageController) -> Int {
    let shift = min(max(window.base.trailingZeroBitCount - 12, 1), 16)
    let cpu = Int(address >> 12) & (1 << shift - 1)
    guard let vcpu = vcpuByCPUID(cpu) else { return Failure.invalid }
    let vector = Int(address >> 4 & 0xff)
    vcpu.csr[0xa0 + vector / 64] |= 1 << UInt64(vector & 63)
    vcpu.drive(line: 14, level: true)
    return 0
  }

  // MARK: buses

  /// An IOCSR register that a device in the kernel has; nil: user space.
  func readIOCSR(_ vcpu: ModelVCPU, _ address: UInt64, _ size: Int) -> UInt64? {
    switch address {
    case let at where hasIPI && Self.fits(at, size, 0x1000, 0x160): readIPI(vcpu, Int(at & 0x1ff), size)
    case let at where Self.fits(at, size, 0x1400, 0x900): eiointc?.read(Int(at - 0x1400), size, cpu: vcpu.id)
    case let at where Self.fits(at, size, 0x4000_0000, 0x1000): eiointc?.readExtension(Int(at - 0x4000_0000))
    default: nil
    }
  }

  /// False: user space.
  func writeIOCSR(_ vcpu: ModelVCPU, _ address: UInt64, _ size: Int, _ value: UInt64) -> Bool {
    switch address {
    case let at where hasIPI && Self.fits(at, size, 0x1000, 0x160):
      writeIPI(vcpu, Int(at & 0x1ff), size, value)
    case let at where Self.fits(at, size, 0x1400, 0x900):
      eiointc?.write(Int(at - 0x1400), size, value, cpu: vcpu.id) ?? false
    case let at where Self.fits(at, size, 0x4000_0000, 0x1000):
      eiointc?.writeExtension(Int(at - 0x4000_0000), value) ?? false
    default: false
    }
  }

  /// MMIO that a device in the kernel answers; nil: user space.
  func readMMIO(_ address: UInt64, _ size: Int) -> UInt64? {
    guard let pic, let base = pic.base, Self.fits(address, size, base, PCHPIC.windowSize) else { return nil }
    return pic.read(Int(address - base), size)
  }

  /// False: user space.
  func writeMMIO(_ address: UInt64, _ size: Int, _ value: UInt64) -> Bool {
    if let pic, let base = pic.base, Self.fits(address, size, base, PCHPIC.windowSize),
      pic.write(Int(address - base), size, value)
    {
      return true
    }
    return ringDoorbell(address, size, value)
  }

  /// A device gets an access only if it has all of it (kvm_io_bus_cmp).
  private static func fits(_ address: UInt64, _ size: Int, _ base: UInt64, _ length: UInt64) -> Bool {
    address >= base && address - base < length && UInt64(size) <= length - (address - base)
  }

  // MARK: memory

  func slot(at address: UInt64, _ size: Int) -> Int? {
    for (number, slot) in slots where slot.contains(address, size) { return number }
    return nil
  }

  /// Where guest memory is; nil: none there.
  func memory(_ address: UInt64, _ size: Int) -> UnsafeMutableRawPointer? {
    guard let number = slot(at: address, size), let slot = slots[number] else { return nil }
    return User.pointer(slot.host + (address - slot.guestAddress))
  }

  func markDirty(_ number: Int, _ address: UInt64) {
    guard let slot = slots[number], slot.logsDirtyPages else { return }
    let page = Int(address - slot.guestAddress) / kernel.host.pageSize
    slots[number]?.dirty[page / 64] |= 1 << UInt64(page % 64)
  }
}
