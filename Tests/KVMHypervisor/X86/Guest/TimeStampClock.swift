import Hypervisor
import KVMHypervisor
import System

/// The time stamp counter as a guest and its host read it.
public struct TimeStampClock: Sendable {
  /// What the guest's is more than the host's, modulo 2^64.
  let offset: UInt64
  /// Counts in a millisecond, of both.
  let kilohertz: Double

  /// The host's counter as the guest's was `value`.
  public func host(_ value: UInt64) -> UInt64 { value &- offset }

  /// Between two of the host's; negative if the second was earlier.
  public func nanoseconds(from first: UInt64, to second: UInt64) -> Double {
    Double(Int64(bitPattern: second &- first)) / kilohertz * 1e6
  }
}

extension X86Machine {
  /// The vCPU's counter (Linux 7.2, Documentation/virt/kvm/devices/vcpu.rst, 4.1, and api.rst, 4.56). It runs as fast as the
  /// host's, which is what KVM gives a vCPU that nobody asked for another speed.
  public func timeStampClock() throws -> TimeStampClock {
    let offset = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    defer { offset.deallocate() }
    offset.initialize(to: 0)
    // struct kvm_device_attr: flags and group, KVM_VCPU_TSC_CTRL; the attribute, KVM_VCPU_TSC_OFFSET; an address.
    var attribute = InlineArray<3, UInt64>(repeating: 0)
    attribute[2] = UInt64(UInt(bitPattern: offset))
    try machine.calls.request(runner.descriptor, .getDeviceAttribute, &attribute)
    let kilohertz = try machine.calls.request(runner.descriptor, .getTimeStampSpeed)
    return TimeStampClock(offset: offset.pointee, kilohertz: Double(kilohertz))
  }
}
