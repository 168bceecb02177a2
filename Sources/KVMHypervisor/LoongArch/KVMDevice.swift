import Hypervisor
import System

/// A device of the kernel's inside a machine: an interrupt controller. It lives as long as its machine.
package final class KVMDevice<Calls: KVMCalls> {
  private let calls: Calls
  private let descriptor: Int32

  /// Makes it; each type can be made once in a machine.
  package init(_ machine: KVMMachine<Calls>, type: UInt32) throws(HypervisorError) {
    var request = KVMCreateDevice(type: type)
    try machine.calls.request(machine.descriptor, .createDevice, &request)
    calls = machine.calls
    descriptor = Int32(bitPattern: request.descriptor)
  }

  deinit { calls.close(descriptor) }

  /// Whether this kernel has such a device.
  package static func exists(_ machine: KVMMachine<Calls>, type: UInt32) -> Bool {
    var request = KVMCreateDevice(type: type, flags: KVMCreateDevice.test)
    return machine.calls.attempt(machine.descriptor, .createDevice, &request) >= 0
  }

  package func set<T: BitwiseCopyable>(_ group: UInt32, _ attribute: UInt64, _ value: T) throws(HypervisorError) {
    try calls.setAttribute(descriptor, group, attribute, value)
  }

  package func get<T: BitwiseCopyable>(_ group: UInt32, _ attribute: UInt64, _ initial: T) throws(HypervisorError) -> T
  {
    var value = initial
    try calls.getAttribute(descriptor, group, attribute, &value)
    return value
  }
}

/// Attributes, of a machine, a vCPU or a device: values whose size the attribute has settled.
extension KVMCalls {
  package func hasAttribute(_ descriptor: Int32, _ group: UInt32, _ attribute: UInt64) -> Bool {
    var request = KVMDeviceAttribute(group: group, attribute: attribute)
    return attempt(descriptor, .hasDeviceAttribute, &request) == 0
  }

  package func setAttribute<T: BitwiseCopyable>(
    _ descriptor: Int32, _ group: UInt32, _ attribute: UInt64, _ value: T
  ) throws(HypervisorError) {
    var copy = value
    let result = withAddress(of: &copy) { address in
      var request = KVMDeviceAttribute(group: group, attribute: attribute, address: address)
      return attempt(descriptor, .setDeviceAttribute, &request)
    }
    guard result >= 0 else { throw Self.failed(.setDeviceAttribute, result) }
  }

  package func getAttribute<T: BitwiseCopyable>(
    _ descriptor: Int32, _ group: UInt32, _ attribute: UInt64, _ value: inout T
  ) throws(HypervisorError) {
    let result = withAddress(of: &value) { address in
      var request = KVMDeviceAttribute(group: group, attribute: attribute, address: address)
      return attempt(descriptor, .getDeviceAttribute, &request)
    }
    guard result >= 0 else { throw Self.failed(.getDeviceAttribute, result) }
  }

  /// A register of a vCPU's, by its `KVMRegisterID`.
  package func register(_ descriptor: Int32, _ id: UInt64) throws(HypervisorError) -> UInt64 {
    var value: UInt64 = 0
    let result = withAddress(of: &value) { address in
      var request = KVMOneRegister(id: id, address: address)
      return attempt(descriptor, .getOneRegister, &request)
    }
    guard result >= 0 else { throw Self.failed(.getOneRegister, result) }
    return value
  }

  package func setRegister(_ descriptor: Int32, _ id: UInt64, _ value: UInt64) throws(HypervisorError) {
    var copy = value
    let result = withAddress(of: &copy) { address in
      var request = KVMOneRegister(id: id, address: address)
      return attempt(descriptor, .setOneRegister, &request)
    }
    guard result >= 0 else { throw Self.failed(.setOneRegister, result) }
  }

  private func withAddress<T: BitwiseCopyable>(of value: inout T, _ body: (UInt64) -> Int) -> Int {
    withUnsafeMutablePointer(to: &value) { body(UInt64(UInt(bitPattern: $0))) }
  }

  private static func failed(_ request: KVMRequest, _ result: Int) -> HypervisorError {
    .system(SystemError(request.name, Int32(truncatingIfNeeded: 0 - result)))
  }
}
