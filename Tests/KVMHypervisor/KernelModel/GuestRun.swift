import Glibc

// KVM_RUN: Linux 7.2.12, arch/loongarch/kvm/{vcpu,exit}.c; kvm_run by the offsets of reference A.1.

extension KernelModel {
  private enum Area {
    static let immediateExit = 1, reason = 8, address = 0x20, data = 0x28, length = 0x30, isWrite = 0x34
  }

  func run(_ vcpu: ModelVCPU) -> Int {
    completeAccess(vcpu)
    if vcpu.area.load(fromByteOffset: Area.immediateExit, as: UInt8.self) != 0 { return Failure.interrupted }
    setReason(vcpu, ExitReason.unknown)
    vcpu.thread = threads[UInt(pthread_self())] ?? 0
    (vcpu.isRunning, vcpu.isInterrupted) = (true, false)
    vcpu.load()
    let result = runGuest(vcpu)
    vcpu.put()
    vcpu.isRunning = false
    return result
  }

  private func runGuest(_ vcpu: ModelVCPU) -> Int {
    for count in 0..<instructionLimit {
      if vcpu.isInterrupted { return signalled(vcpu) }
      if count % 16 == 0 { pass(vcpu) }
      vcpu.deliver()
      ticks &+= 1
      vcpu.tick()
      takeInterrupt(vcpu)
      switch step(vcpu) {
      case .next: continue
      case .exit(let reason):
        setReason(vcpu, reason)
        return 0
      case .idle: if !idle(vcpu) { return signalled(vcpu) }
      }
    }
    return signalled(vcpu)
  }

  /// Other threads get their turn, and eventfds are looked at.
  private func pass(_ vcpu: ModelVCPU) {
    lock.unlock()
    lock.lock()
    vcpu.machine.takeSignals()
  }

  private func signalled(_ vcpu: ModelVCPU) -> Int {
    setReason(vcpu, ExitReason.interrupted)
    return Failure.interrupted
  }

  private func setReason(_ vcpu: ModelVCPU, _ reason: UInt32) {
    vcpu.area.storeBytes(of: reason, toByteOffset: Area.reason, as: UInt32.self)
  }

  // MARK: idle

  /// The guest stands still until something can wake it; false: a signal came.
  private func idle(_ vcpu: ModelVCPU) -> Bool {
    while true {
      vcpu.machine.takeSignals()
      if vcpu.endsIdle { return true }
      if vcpu.isInterrupted || !waitsWhenIdle { return false }
      // Its timer: time goes as far as that at once.
      if vcpu.timerEndsIdle {
        ticks &+= vcpu.csr[CSR.tval]
        vcpu.finishTimer()
        return true
      }
      wait(vcpu)
    }
  }

  private func wait(_ vcpu: ModelVCPU) {
    var waiters = [pollfd(fd: vcpu.wake.descriptor, events: Int16(POLLIN), revents: 0)]
    for binding in vcpu.machine.irqfds where binding.stale == 0 {
      waiters.append(pollfd(fd: binding.event.descriptor, events: Int16(POLLIN), revents: 0))
    }
    vcpu.isIdle = true
    lock.unlock()
    _ = poll(&waiters, UInt(waiters.count), -1)
    lock.lock()
    vcpu.isIdle = false
    vcpu.wake.clear()
  }

  // MARK: accesses that leave the guest

  /// What the next KVM_RUN does first with the access that the last one left for.
  private func completeAccess(_ vcpu: ModelVCPU) {
    if let access = vcpu.pendingAccess {
      vcpu.pendingAccess = nil
      if !access.isWrite {
        // Only now does the load count as carried out.
        vcpu.pc &+= 4
        set(vcpu, access.register, loaded(vcpu, isSigned: access.isSigned))
      }
    }
    let reason = vcpu.area.load(fromByteOffset: Area.reason, as: UInt32.self)
    if reason == ExitReason.hypercall {
      vcpu.pc &+= 4
      vcpu.gpr[4] = vcpu.area.load(fromByteOffset: 0x58, as: UInt64.self)
    }
    // The reason stays until a guest runs again: a second call before that finishes the same access a second time.
    if reason == ExitReason.iocsr, vcpu.area.load(fromByteOffset: Area.isWrite, as: UInt8.self) == 0 {
      set(vcpu, vcpu.ioRegister, loaded(vcpu, isSigned: true))
    }
  }

  private func set(_ vcpu: ModelVCPU, _ register: Int, _ value: UInt64) {
    if register != 0 { vcpu.gpr[register] = value }
  }

  private func loaded(_ vcpu: ModelVCPU, isSigned: Bool) -> UInt64 {
    let size = Int(vcpu.area.load(fromByteOffset: Area.length, as: UInt32.self))
    return Self.extend(vcpu.area.load(fromByteOffset: Area.data, as: UInt64.self), size, isSigned: isSigned)
  }

  static func extend(_ value: UInt64, _ size: Int, isSigned: Bool) -> UInt64 {
    guard size < 8 else { return value }
    let shift = UInt64(64 - size * 8)
    return isSigned ? UInt64(bitPattern: Int64(bitPattern: value << shift) >> Int64(shift)) : (value << shift) >> shift
  }

  private func leave(_ vcpu: ModelVCPU, _ address: UInt64, _ size: Int, _ value: UInt64?) {
    vcpu.area.storeBytes(of: address, toByteOffset: Area.address, as: UInt64.self)
    if let value { vcpu.area.storeBytes(of: value, toByteOffset: Area.data, as: UInt64.self) }
    vcpu.area.storeBytes(of: UInt32(size), toByteOffset: Area.length, as: UInt32.self)
    vcpu.area.storeBytes(of: value == nil ? 0 : 1, toByteOffset: Area.isWrite, as: UInt8.self)
  }

  /// iocsrrd and iocsrwr. The PC is past the instruction when the guest leaves.
  func iocsr(_ vcpu: ModelVCPU, register: Int, address: UInt64, size: Int, write: Bool) -> Step {
    let address = address & 0xffff_ffff
    vcpu.pc &+= 4
    if write {
      let value = vcpu.gpr[register]
      if vcpu.machine.writeIOCSR(vcpu, address, size, value) { return .next }
      leave(vcpu, address, size, Self.extend(value, size, isSigned: false))
    } else {
      vcpu.ioRegister = register
      if let value = vcpu.machine.readIOCSR(vcpu, address, size) {
        set(vcpu, register, Self.extend(value, size, isSigned: true))
        return .next
      }
      leave(vcpu, address, size, nil)
    }
    return .exit(ExitReason.iocsr)
  }

  /// A load. Without memory or device the guest leaves with its PC at the load.
  func load(_ vcpu: ModelVCPU, register: Int, address: UInt64, size: Int, isSigned: Bool) -> Step {
    guard address < 1 << UInt64(host.guestAddressBits) else { return fault(vcpu, code: 8, badAddress: address) }
    if let memory = vcpu.machine.memory(address, size) {
      var value: UInt64 = 0
      withUnsafeMutableBytes(of: &value) { $0.copyMemory(from: UnsafeRawBufferPointer(start: memory, count: size)) }
      set(vcpu, register, Self.extend(value, size, isSigned: isSigned))
      vcpu.pc &+= 4
      return .next
    }
    if let value = vcpu.machine.readMMIO(address, size) {
      set(vcpu, register, Self.extend(value, size, isSigned: isSigned))
      vcpu.pc &+= 4
      return .next
    }
    vcpu.pendingAccess = .init(isWrite: false, isSigned: isSigned, register: register)
    leave(vcpu, address, size, nil)
    return .exit(ExitReason.mmio)
  }

  /// A store. The PC is past it when the guest leaves.
  func store(_ vcpu: ModelVCPU, address: UInt64, size: Int, value: UInt64) -> Step {
    guard address < 1 << UInt64(host.guestAddressBits) else { return fault(vcpu, code: 8, badAddress: address) }
    vcpu.pc &+= 4
    if let number = vcpu.machine.slot(at: address, size), vcpu.machine.slots[number]?.isReadOnly == false,
      let memory = vcpu.machine.memory(address, size)
    {
      withUnsafePointer(to: value) { memory.copyMemory(from: $0, byteCount: size) }
      vcpu.machine.markDirty(number, address)
      return .next
    }
    let low = Self.extend(value, size, isSigned: false)
    if vcpu.machine.writeMMIO(address, size, low) { return .next }
    vcpu.pendingAccess = .init(isWrite: true, isSigned: false, register: 0)
    leave(vcpu, address, size, low)
    return .exit(ExitReason.mmio)
  }
}
