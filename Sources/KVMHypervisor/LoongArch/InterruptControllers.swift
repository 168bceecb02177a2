import Hypervisor

/// The kernel's IPI, EIOINTC and PCH-PIC of one machine. KVM takes interrupts only when all three exist (reference A.2).
package final class InterruptControllers<Calls: KVMCalls> {
  /// What the EIOINTC offers a guest that knows of its hypervisor: VIRT_EXTENSION, ENABLE_OPTION and CPU_ENCODE, without
  /// which it could address four vCPUs only (reference C.2).
  package static var virtualExtension: UInt32 { 1 << 0 | 1 << 1 | 1 << 3 }
  /// Where the guest finds the PCH-PIC (reference B.1).
  package static var pchPICBase: UInt64 { 0x1000_0000 }
  /// Bytes of its registers.
  static var pchPICSize: UInt64 { 0x400 }
  /// A store here is a message-signalled interrupt (reference C.4).
  package static var messageAddress: UInt64 { 0x2ff0_0000 }
  package static var pins: UInt32 { 64 }
  package static var vectors: UInt32 { 256 }

  private let ipi: KVMDevice<Calls>
  private let extended: KVMDevice<Calls>
  private let pic: KVMDevice<Calls>
  private let vcpus: Int
  private let features: UInt32
  /// The PCH-PIC is that of Linux 6.13 to 6.16: it tells a guest that looks where Linux does since then that it has one pin,
  /// and its pins from 32 on do not work (reference B.3). It is known by the mask that it starts with.
  let isEarlyPIC: Bool

  /// Makes them in a machine whose vCPUs exist, and every route: GSI n is pin n, GSI 64 + v is a message with vector v. So
  /// no route changes while the guest runs. `extension` is what the EIOINTC offers.
  init(_ machine: KVMMachine<Calls>, vcpus: Int, extension features: UInt32) throws(HypervisorError) {
    self.vcpus = vcpus
    self.features = features
    ipi = try KVMDevice(machine, type: KVMDeviceType.ipi)
    extended = try KVMDevice(machine, type: KVMDeviceType.eiointc)
    try extended.set(KVMDeviceGroup.eiointcControl, KVMDeviceGroup.initCPUs, UInt32(vcpus))
    try extended.set(KVMDeviceGroup.eiointcControl, KVMDeviceGroup.initFeatures, features)
    pic = try KVMDevice(machine, type: KVMDeviceType.pchPIC)
    try pic.set(KVMDeviceGroup.pchPICControl, KVMDeviceGroup.initBase, Self.pchPICBase)
    isEarlyPIC = try pic.get(KVMDeviceGroup.pchPICRegisters, 0x20, UInt64.max) == 0
    try machine.setRoutes(Self.routes)
  }

  /// Whether the kernel has all of them.
  static func exist(in machine: KVMMachine<Calls>) -> Bool {
    KVMDevice.exists(machine, type: KVMDeviceType.ipi) && KVMDevice.exists(machine, type: KVMDeviceType.eiointc)
      && KVMDevice.exists(machine, type: KVMDeviceType.pchPIC)
  }

  package static var routes: [KVMRoute] {
    var routes: [KVMRoute] = []
    routes.reserveCapacity(Int(pins + vectors))
    for pin in 0..<pins { routes.append(.pin(gsi: pin, irqchip: 0, pin: pin)) }
    for vector in 0..<vectors {
      routes.append(.message(gsi: pins + vector, address: messageAddress, data: vector))
    }
    return routes
  }

  /// As after power-on. The kernel's own values would do since 6.17; before, a new PCH-PIC has no pin masked and no vector
  /// (reference B.3).
  func reset() throws(HypervisorError) {
    var state = InterruptControllerState()
    state.extended.pending = Array(repeating: InlineArray(repeating: 0), count: vcpus)
    state.extended.features = features
    state.extended.status = try extended.get(KVMDeviceGroup.eiointcStatus, KVMDeviceGroup.state, UInt32(0))
    state.ipi = Array(repeating: IPIState(), count: vcpus)
    try restore(state)
  }

  // MARK: state

  func save() throws(HypervisorError) -> InterruptControllerState {
    var state = InterruptControllerState()
    state.pic = try savePIC()
    state.extended = try saveExtended()
    for vcpu in 0..<vcpus { state.ipi.append(try saveIPI(vcpu)) }
    return state
  }

  /// Takes over what `check` has found sound.
  func restore(_ state: InterruptControllerState) throws(HypervisorError) {
    try restore(state.pic)
    for vcpu in 0..<vcpus { try restore(state.ipi[vcpu], of: vcpu) }
    try restore(state.extended)
  }

  /// Throws unless the state is one of a machine like this one.
  func check(_ state: InterruptControllerState) throws(HypervisorError) {
    guard state.ipi.count == vcpus, state.extended.pending.count == vcpus,
      state.pic.inService & ~state.pic.request == 0
    else { throw .badState }
    guard state.extended.features == features else {
      guard state.extended.features == 0 || features == 0 else { throw .badState }
      // Whether there is a virtual extension at all is a paravirtual feature.
      throw .foreignState(
        word: Int(KVMVCPUAttribute.paravirtualFeatures), bits: ParavirtualFeature.extendedIOI)
    }
    // CONFIG: ENABLE, INT_ENCODE, CPU_ENCODE. With the last a route is a vCPU's number, which the kernel uses as an index.
    guard state.extended.status & ~(features | 1 << 1) == 0 else { throw .badState }
    guard state.extended.status & 1 << 3 != 0 else { return }
    for index in state.extended.coreMap.indices {
      for byte in 0..<4 where Int(state.extended.coreMap[index] >> (UInt32(byte) * 8) & 0xff) >= vcpus {
        throw .badState
      }
    }
  }

  private func savePIC() throws(HypervisorError) -> PCHPICState {
    var state = PCHPICState()
    state.mask = try picRegister(0x20)
    state.messageEnable = try picRegister(0x40)
    state.edge = try picRegister(0x60)
    state.request = try picRegister(0x380)
    state.inService = try picRegister(0x3a0)
    state.polarity = try picRegister(0x3e0)
    for pin in 0..<Int(Self.pins) {
      state.route[pin] = try pic.get(KVMDeviceGroup.pchPICRegisters, 0x100 + UInt64(pin), UInt8(0))
      state.vector[pin] = try pic.get(KVMDeviceGroup.pchPICRegisters, 0x200 + UInt64(pin), UInt8(0))
    }
    return state
  }

  private func restore(_ state: PCHPICState) throws(HypervisorError) {
    let group = KVMDeviceGroup.pchPICRegisters
    try pic.set(group, 0x20, state.mask)
    try pic.set(group, 0x40, state.messageEnable)
    try pic.set(group, 0x60, state.edge)
    try pic.set(group, 0x380, state.request)
    try pic.set(group, 0x3a0, state.inService)
    try pic.set(group, 0x3e0, state.polarity)
    for pin in 0..<Int(Self.pins) {
      try pic.set(group, 0x100 + UInt64(pin), state.route[pin])
      try pic.set(group, 0x200 + UInt64(pin), state.vector[pin])
    }
  }

  private func picRegister(_ offset: UInt64) throws(HypervisorError) -> UInt64 {
    try pic.get(KVMDeviceGroup.pchPICRegisters, offset, UInt64(0))
  }

  private func saveExtended() throws(HypervisorError) -> EIOINTCState {
    var state = EIOINTCState()
    for word in 0..<8 {
      state.nodeType[word] = try extendedRegister(0x0a0, word)
      state.enable[word] = try extendedRegister(0x200, word)
      state.bounce[word] = try extendedRegister(0x280, word)
      state.request[word] = try extendedRegister(0x300, word)
    }
    for word in 0..<2 { state.ipMap[word] = try extendedRegister(0x0c0, word) }
    for word in 0..<64 { state.coreMap[word] = try extendedRegister(0x800, word) }
    for vcpu in 0..<vcpus {
      var pending = InlineArray<8, UInt32>(repeating: 0)
      for word in 0..<8 { pending[word] = try extendedRegister(0x400, word, vcpu: vcpu) }
      state.pending.append(pending)
    }
    state.features = features
    state.status = try extended.get(KVMDeviceGroup.eiointcStatus, KVMDeviceGroup.state, UInt32(0))
    return state
  }

  private func restore(_ state: EIOINTCState) throws(HypervisorError) {
    for word in 0..<8 {
      try setExtendedRegister(0x0a0, word, state.nodeType[word])
      try setExtendedRegister(0x200, word, state.enable[word])
      try setExtendedRegister(0x280, word, state.bounce[word])
      try setExtendedRegister(0x300, word, state.request[word])
    }
    for word in 0..<2 { try setExtendedRegister(0x0c0, word, state.ipMap[word]) }
    for word in 0..<64 { try setExtendedRegister(0x800, word, state.coreMap[word]) }
    for vcpu in 0..<vcpus {
      for word in 0..<8 { try setExtendedRegister(0x400, word, vcpu: vcpu, state.pending[vcpu][word]) }
    }
    try extended.set(KVMDeviceGroup.eiointcStatus, KVMDeviceGroup.state, state.status)
    // Last: the kernel now works out which vCPU and line each vector leads to.
    try extended.set(KVMDeviceGroup.eiointcControl, KVMDeviceGroup.loadFinished, UInt32(0))
  }

  private func extendedRegister(_ base: UInt64, _ word: Int, vcpu: Int = 0) throws(HypervisorError) -> UInt32 {
    try extended.get(KVMDeviceGroup.eiointcRegisters, UInt64(vcpu) << 16 | base + UInt64(word) * 4, UInt32(0))
  }

  private func setExtendedRegister(
    _ base: UInt64, _ word: Int, vcpu: Int = 0, _ value: UInt32
  ) throws(HypervisorError) {
    try extended.set(KVMDeviceGroup.eiointcRegisters, UInt64(vcpu) << 16 | base + UInt64(word) * 4, value)
  }

  private func saveIPI(_ vcpu: Int) throws(HypervisorError) -> IPIState {
    let group = KVMDeviceGroup.ipiRegisters
    let base = UInt64(vcpu) << 16
    var state = IPIState()
    state.status = try ipi.get(group, base, UInt32(0))
    state.enable = try ipi.get(group, base | 0x04, UInt32(0))
    for box in 0..<4 { state.mailboxes[box] = try ipi.get(group, base | 0x20 + UInt64(box) * 8, UInt64(0)) }
    return state
  }

  private func restore(_ state: IPIState, of vcpu: Int) throws(HypervisorError) {
    let group = KVMDeviceGroup.ipiRegisters
    let base = UInt64(vcpu) << 16
    try ipi.set(group, base, state.status)
    try ipi.set(group, base | 0x04, state.enable)
    for box in 0..<4 { try ipi.set(group, base | 0x20 + UInt64(box) * 8, state.mailboxes[box]) }
  }
}
