import Hypervisor
import System

/// A hypervisor that remembers what is bound and runs nothing.
final class RecordingHypervisor: Hypervisor {
  final class CPU: VCPU {
    var registers = VCPURegisters()
    var controlRegisters: VCPUControlRegisters { VCPUControlRegisters() }
    var counters: VCPUCounters { VCPUCounters() }
    func run() -> VCPUExit { .interrupted }
    func completeRead(_ value: UInt64) {}
    func kick() {}
  }

  /// What the next binding throws.
  var refusal: HypervisorError?
  /// By eventfd.
  var doorbells: [Int32: UInt64] = [:]
  var vectors: [Int32: UInt32] = [:]
  var pins: [Int32: UInt32] = [:]

  var isParavirtual = false

  private func refuse() throws(HypervisorError) {
    if let refusal { throw refusal }
  }
  func addMemory(guestAddress: UInt64, host: UnsafeMutableRawPointer, size: UInt64) throws(HypervisorError) {}
  func addReadOnlyMemory(guestAddress: UInt64, host: UnsafeRawPointer, size: UInt64) throws(HypervisorError) {}
  func createVCPU(id: Int) throws(HypervisorError) -> CPU { CPU() }
  func bindInterrupt(_ eventfd: Int32, pin: UInt32) throws(HypervisorError) {
    try refuse()
    pins[eventfd] = pin
  }
  func unbindInterrupt(_ eventfd: Int32, pin: UInt32) { pins[eventfd] = nil }
  func bindMSI(_ eventfd: Int32, vector: UInt32) throws(HypervisorError) {
    try refuse()
    vectors[eventfd] = vector
  }
  func unbindMSI(_ eventfd: Int32, vector: UInt32) { vectors[eventfd] = nil }
  func bindDoorbell(_ eventfd: Int32, address: UInt64, length: UInt32, match: UInt64?) throws(HypervisorError) {
    try refuse()
    doorbells[eventfd] = address
  }
  func unbindDoorbell(_ eventfd: Int32, address: UInt64) { doorbells[eventfd] = nil }
  func setLine(pin: UInt32, level: Bool) {}
  func signalMSI(vector: UInt32) throws(HypervisorError) {}
  func save() throws(HypervisorError) -> MachineState { throw .badState }
  func restore(_ state: MachineState) throws(HypervisorError) { throw .badState }
}
