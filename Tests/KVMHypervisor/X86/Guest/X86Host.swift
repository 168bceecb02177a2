import Glibc
import Hypervisor
import KVMHypervisor
import System

/// Whether this host can run the guests of this folder.
public enum X86Host {
  /// Why it cannot, for the report of the skipped tests; nil if it can.
  public static let absence: String? = {
    #if arch(x86_64)
      let kvm = Glibc.open("/dev/kvm", O_RDWR | O_CLOEXEC)
      guard kvm >= 0 else {
        switch errno {
        case ENOENT, ENXIO, ENODEV: return "there is no /dev/kvm on this machine"
        case EACCES, EPERM: return "/dev/kvm is not open to this user (its group is usually kvm)"
        default: return "/dev/kvm cannot be opened: \(Errno.text(errno))"
        }
      }
      defer { Glibc.close(kvm) }
      do throws(HypervisorError) {
        let machine = try KVMMachine(calls: KernelCalls(), kvm: kvm, capabilities: [])
        try machine.calls.request(machine.descriptor, .createIRQChip)
        return nil
      } catch { return "/dev/kvm makes no machine here: \(error.sentence)" }
    #else
      return "these guests are x86 code, and this host's CPUs are of another architecture"
    #endif
  }()

  /// What to say of the figures where this host is a virtual machine itself; empty where it is not.
  public static let nesting: String = {
    guard let file = fopen("/proc/cpuinfo", "r") else { return "" }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 8192)
    while fgets(&line, 8192, file) != nil, line[0] != 10 {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      guard text.hasPrefix("flags"), text.split(separator: " ").contains("hypervisor") else { continue }
      return access("/sys/module/kvm_pvm", F_OK) == 0
        ? ", which is a virtual machine itself: its KVM (kvm_pvm) emulates the guest's ring 0 one instruction at a time"
        : ", which is a virtual machine itself"
    }
    return ""
  }()
}

extension KVMRequest {
  // Of x86 alone (Linux 7.2, Documentation/virt/kvm/api.rst 4.11–4.14, 4.24, 4.40, 4.56).
  static var createIRQChip: Self { Self(0xae60, "KVM_CREATE_IRQCHIP") }
  static var setTSSAddress: Self { Self(0xae47, "KVM_SET_TSS_ADDR") }
  static var getTimeStampSpeed: Self { Self(0xaea3, "KVM_GET_TSC_KHZ") }
  static var getRegisters: Self { Self(0x8090_ae81, "KVM_GET_REGS") }
  static var setRegisters: Self { Self(0x4090_ae82, "KVM_SET_REGS") }
  static var getSpecialRegisters: Self { Self(0x8138_ae83, "KVM_GET_SREGS") }
  static var setSpecialRegisters: Self { Self(0x4138_ae84, "KVM_SET_SREGS") }
}
