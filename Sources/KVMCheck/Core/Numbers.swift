import Hypervisor
import System

/// What KVM's interface has that nothing but this check asks for (Linux 7.2, include/uapi/linux/kvm.h).
enum CheckedCapability {
  static let readOnlyMemory = 81
  static let maximumVCPUs = 66
  static let irqfdResample = 82
}

/// A device type that only kernels from 7.2 on know, and of which nothing here makes use.
enum CheckedDeviceType {
  static let dmsintc: UInt32 = 15
}

/// The name of an error number, as programmers know it.
func name(ofError number: Int32) -> String {
  switch number {
  case 1: "EPERM"
  case 2: "ENOENT"
  case 4: "EINTR"
  case 6: "ENXIO"
  case 9: "EBADF"
  case 11: "EAGAIN"
  case 12: "ENOMEM"
  case 14: "EFAULT"
  case 16: "EBUSY"
  case 17: "EEXIST"
  case 19: "ENODEV"
  case 22: "EINVAL"
  case 25: "ENOTTY"
  case 28: "ENOSPC"
  default: "errno \(number)"
  }
}

/// What a request returned: its number, or an error's name.
func outcome(_ result: Int) -> String {
  result < 0 ? name(ofError: Int32(truncatingIfNeeded: 0 - result)) : "\(result)"
}

/// What came of something that returns nothing: "ok", or why not.
func outcome(_ body: () throws(HypervisorError) -> Void) -> String {
  do throws(HypervisorError) {
    try body()
    return "ok"
  } catch {
    guard case .system(let why) = error else { return error.sentence }
    return name(ofError: why.number)
  }
}
