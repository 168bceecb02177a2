// Linux 7.2.12, virt/kvm/eventfd.c.

extension ModelMachine {
  // MARK: KVM_IRQFD

  /// struct kvm_irqfd at `address`.
  func bindIRQFD(at address: UInt64) -> Int {
    guard let descriptor: Int32 = User.read(address, 0), let gsi: UInt32 = User.read(address, 4),
      let flags: UInt32 = User.read(address, 8), let resample: Int32 = User.read(address, 12)
    else { return Failure.fault }
    guard kernel.behaviour.hasIRQChip else { return Failure.invalid }
    guard flags & ~3 == 0 else { return Failure.invalid }
    if flags & 1 != 0 { return unbindIRQFD(descriptor, gsi) }
    guard hasIRQChip else { return Failure.again }
    switch HeldEvent.hold(descriptor) {
    case .failure(let refused): return refused.errno
    case .success(let event): return add(event, gsi, resample: flags & 2 != 0 ? resample : nil)
    }
  }

  private func add(_ event: HeldEvent, _ gsi: UInt32, resample: Int32?) -> Int {
    if let resample {
      // It is held and never signalled: nobody tells it of an acknowledgement on LoongArch (reference A.7).
      switch HeldEvent.hold(resample) {
      case .failure(let refused):
        event.release()
        return refused.errno
      case .success(let held): held.release()
      }
    }
    // Of any machine: an eventfd has one exclusive waiter.
    guard !kernel.isBound(event.identity) else {
      event.release()
      return Failure.busy
    }
    let before = event.count
    irqfds.append(IRQFDBinding(event: event, gsi: gsi, stale: before))
    if before > 0 {
      // From a work queue, hence down again too.
      setLine(gsi: gsi, level: true)
      setLine(gsi: gsi, level: false)
    }
    return 0
  }

  private func unbindIRQFD(_ descriptor: Int32, _ gsi: UInt32) -> Int {
    switch HeldEvent.hold(descriptor) {
    case .failure(let refused): return refused.errno
    case .success(let event):
      drop { $0.event.identity == event.identity && $0.gsi == gsi }
      event.release()
      return 0
    }
  }

  private func drop(_ condition: (IRQFDBinding) -> Bool) {
    for binding in irqfds where condition(binding) { binding.event.release() }
    irqfds.removeAll(where: condition)
  }

  /// What the kernel does at each write of an eventfd: it takes it and injects level 1, if the GSI has exactly one route.
  func takeSignals() {
    for index in irqfds.indices {
      let binding = irqfds[index]
      if binding.stale > 0, binding.event.count == binding.stale { continue }
      guard binding.event.take() else { continue }
      irqfds[index].stale = 0
      if let route = routes[binding.gsi], route.count == 1 { injectAtomically(route[0]) }
    }
  }

  // MARK: KVM_IOEVENTFD

  /// struct kvm_ioeventfd at `address`.
  func bindDoorbell(at address: UInt64) -> Int {
    guard let match: UInt64 = User.read(address, 0), let place: UInt64 = User.read(address, 8),
      let length: UInt32 = User.read(address, 16), let descriptor: Int32 = User.read(address, 20),
      let flags: UInt32 = User.read(address, 24)
    else { return Failure.fault }
    // PIO 2, VIRTIO_CCW_NOTIFY 8: buses that no LoongArch guest reaches.
    let bus = flags & 2 != 0 ? 1 : flags & 8 != 0 ? 2 : UInt32(0)
    let matches = flags & 1 != 0
    if flags & 4 != 0 { return unbindDoorbell(descriptor, bus, place, length, matches ? match : nil) }
    guard [0, 1, 2, 4, 8].contains(length) else { return Failure.invalid }
    guard !place.addingReportingOverflow(UInt64(length)).overflow else { return Failure.invalid }
    guard flags & ~0xf == 0 else { return Failure.invalid }
    guard length > 0 || !matches else { return Failure.invalid }
    switch HeldEvent.hold(descriptor) {
    case .failure(let refused): return refused.errno
    case .success(let event):
      let binding = DoorbellBinding(
        event: event, bus: bus, address: place, length: length, match: matches ? match : nil)
      guard !doorbells.contains(where: { Self.collide($0, binding) }) else {
        event.release()
        return Failure.exists
      }
      doorbells.append(binding)
      return 0
    }
  }

  private static func collide(_ one: DoorbellBinding, _ other: DoorbellBinding) -> Bool {
    guard one.bus == other.bus, one.address == other.address else { return false }
    if one.length == 0 || other.length == 0 { return true }
    return one.length == other.length && (one.match == nil || other.match == nil || one.match == other.match)
  }

  private func unbindDoorbell(
    _ descriptor: Int32, _ bus: UInt32, _ place: UInt64, _ length: UInt32, _ match: UInt64?
  ) -> Int {
    switch HeldEvent.hold(descriptor) {
    case .failure(let refused): return refused.errno
    case .success(let event):
      defer { event.release() }
      let found = doorbells.firstIndex {
        $0.bus == bus && $0.event.identity == event.identity && $0.address == place && $0.length == length
          && $0.match == match
      }
      guard let found else { return Failure.noEntry }
      doorbells[found].event.release()
      doorbells.remove(at: found)
      return 0
    }
  }

  /// A guest's store: true if an eventfd took it.
  func ringDoorbell(_ address: UInt64, _ size: Int, _ value: UInt64) -> Bool {
    for doorbell in doorbells where doorbell.bus == 0 && doorbell.address == address {
      if doorbell.length != 0 {
        guard Int(doorbell.length) == size else { continue }
        let low = size == 8 ? value : value & (1 << UInt64(size * 8) - 1)
        if let match = doorbell.match, match != low { continue }
      }
      doorbell.event.signal()
      return true
    }
    return false
  }

  /// The machine's descriptor is closed: no irqfd stays (kvm_irqfd_release).
  func releaseIRQFDs() { drop { _ in true } }

  func releaseAll() {
    releaseIRQFDs()
    for doorbell in doorbells { doorbell.event.release() }
    doorbells = []
  }

  // MARK: KVM_SET_GSI_ROUTING

  /// struct kvm_irq_routing at `address`: it replaces all, or changes nothing.
  func setRouting(at address: UInt64) -> Int {
    guard let count: UInt32 = User.read(address, 0), let flags: UInt32 = User.read(address, 4) else {
      return Failure.fault
    }
    guard count <= 4096, flags == 0 else { return Failure.invalid }
    var made: [UInt32: [ModelRoute]] = [:]
    for index in 0..<Int(count) {
      guard let (gsi, route) = entry(address + 8 + UInt64(index) * 48) else { return Failure.invalid }
      // Several routes of one GSI: of different chips only, and there is one.
      guard made[gsi] == nil else { return Failure.invalid }
      made[gsi] = [route]
    }
    routes = made
    return 0
  }

  private func entry(_ address: UInt64) -> (UInt32, ModelRoute)? {
    guard let gsi: UInt32 = User.read(address, 0), let type: UInt32 = User.read(address, 4),
      let flags: UInt32 = User.read(address, 8), let first: UInt32 = User.read(address, 16),
      let second: UInt32 = User.read(address, 20), let third: UInt32 = User.read(address, 24)
    else { return nil }
    guard gsi < 4096 else { return nil }
    switch type {
    case 1:
      guard flags == 0, second < 64 else { return nil }
      if kernel.behaviour.checksRouteChip, first >= 1 { return nil }
      return (gsi, .pin(chip: first, pin: Int(second)))
    case 2:
      // KVM_MSI_VALID_DEVID is 1.
      guard flags & ~1 == 0 else { return nil }
      return (gsi, .message(address: UInt64(second) << 32 | UInt64(first), data: third))
    default: return nil
    }
  }
}
