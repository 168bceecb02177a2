import Hypervisor
import KVMHypervisor
import System

/// A machine of KVM's as the kernel makes it: two vCPUs that never run, and no interrupt controller before `makeDevices`.
final class RawMachine<Calls: KVMCalls> {
  static var vcpuCount: Int { 2 }

  let machine: KVMMachine<Calls>
  let vcpus: [KVMRunner<Calls>]
  private(set) var ipi: KVMDevice<Calls>?
  private(set) var extended: KVMDevice<Calls>?
  private(set) var pic: KVMDevice<Calls>?

  init(calls: Calls, kvm: Int32) throws(HypervisorError) {
    machine = try KVMMachine(calls: calls, kvm: kvm, capabilities: [])
    var made: [KVMRunner<Calls>] = []
    for id in 0..<Self.vcpuCount { made.append(try machine.makeRunner(id: id)) }
    vcpus = made
  }

  func makeIPI() throws(HypervisorError) { ipi = try KVMDevice(machine, type: KVMDeviceType.ipi) }

  /// The EIOINTC, without the virtual extension.
  func makeExtended() throws(HypervisorError) {
    let made = try KVMDevice(machine, type: KVMDeviceType.eiointc)
    try made.set(KVMDeviceGroup.eiointcControl, KVMDeviceGroup.initCPUs, UInt32(Self.vcpuCount))
    try made.set(KVMDeviceGroup.eiointcControl, KVMDeviceGroup.initFeatures, UInt32(0))
    extended = made
  }

  func makePIC() throws(HypervisorError) {
    let made = try KVMDevice(machine, type: KVMDeviceType.pchPIC)
    try made.set(KVMDeviceGroup.pchPICControl, KVMDeviceGroup.initBase, InterruptControllers<Calls>.pchPICBase)
    pic = made
  }

  /// All three, and a CPUID for each vCPU.
  func makeDevices() throws(HypervisorError) {
    try identifyVCPUs()
    try makeIPI()
    try makeExtended()
    try makePIC()
  }

  func identifyVCPUs() throws(HypervisorError) {
    for id in 0..<vcpus.count { try setCSR(RawCSR.cpuid, vcpu: id, UInt64(id)) }
  }

  // MARK: registers

  func csr(_ number: UInt16, vcpu: Int = 0) throws(HypervisorError) -> UInt64 {
    try machine.calls.register(vcpus[vcpu].descriptor, KVMRegisterID.csr(number))
  }

  func setCSR(_ number: UInt16, vcpu: Int = 0, _ value: UInt64) throws(HypervisorError) {
    try machine.calls.setRegister(vcpus[vcpu].descriptor, KVMRegisterID.csr(number), value)
  }

  /// A register of the PCH-PIC, one bit a pin.
  func picRegister(_ offset: UInt64) throws(HypervisorError) -> UInt64 {
    guard let pic else { throw .badState }
    return try pic.get(KVMDeviceGroup.pchPICRegisters, offset, UInt64(0))
  }

  func setPICRegister(_ offset: UInt64, _ value: UInt64) throws(HypervisorError) {
    guard let pic else { throw .badState }
    try pic.set(KVMDeviceGroup.pchPICRegisters, offset, value)
  }

  /// A byte of one of the PCH-PIC's tables.
  func picByte(_ offset: UInt64) throws(HypervisorError) -> UInt8 {
    guard let pic else { throw .badState }
    return try pic.get(KVMDeviceGroup.pchPICRegisters, offset, UInt8(0))
  }

  func setPICByte(_ offset: UInt64, _ value: UInt8) throws(HypervisorError) {
    guard let pic else { throw .badState }
    try pic.set(KVMDeviceGroup.pchPICRegisters, offset, value)
  }

  /// A word of the EIOINTC's registers; `cpu` matters for COREISR alone.
  func extendedWord(_ offset: UInt64, cpu: Int = 0) throws(HypervisorError) -> UInt32 {
    guard let extended else { throw .badState }
    return try extended.get(KVMDeviceGroup.eiointcRegisters, UInt64(cpu) << 16 | offset, UInt32(0))
  }

  func setExtendedWord(_ offset: UInt64, _ value: UInt32) throws(HypervisorError) {
    guard let extended else { throw .badState }
    try extended.set(KVMDeviceGroup.eiointcRegisters, offset, value)
  }

  /// Makes the kernel work out where each vector leads.
  func finishLoading() throws(HypervisorError) {
    guard let extended else { throw .badState }
    try extended.set(KVMDeviceGroup.eiointcControl, KVMDeviceGroup.loadFinished, UInt32(0))
  }
}

/// Control and status registers (LoongArch Reference Manual Vol. 1, 7.1).
enum RawCSR {
  static let crmd: UInt16 = 0x00
  static let estat: UInt16 = 0x05
  static let cpuid: UInt16 = 0x20
  static let tid: UInt16 = 0x40
}

/// Registers of the LS7A PCH-PIC (reference B.1).
enum RawPIC {
  static let mask: UInt64 = 0x20
  static let edge: UInt64 = 0x60
  static let route: UInt64 = 0x100
  static let vector: UInt64 = 0x200
  static let request: UInt64 = 0x380
  static let inService: UInt64 = 0x3a0
}

/// Registers of the EIOINTC (reference C.2).
enum RawEIOINTC {
  static let ipMap: UInt64 = 0x0c0
  static let enable: UInt64 = 0x200
  static let coreISR: UInt64 = 0x400
  static let coreMap: UInt64 = 0x800
  /// From and to, words that a new one has zero.
  static var cleared: [(UInt64, UInt64)] {
    [(0x0a0, 0x0c8), (0x200, 0x220), (0x280, 0x2a0), (0x300, 0x320), (0x800, 0x900)]
  }
}
