// What a VMM asks of the kernel's KVM. Numbers are those of Linux 7.2, include/uapi/linux/kvm.h, on LoongArch64
// (reference A.1); the request of an ioctl(2) is its second argument, an unsigned int.

extension Syscall {
  /// Of a machine that is made: running its vCPUs, binding eventfds, raising interrupts, and the registers that a start
  /// sets and a report shows. Nothing here makes a machine, a vCPU, a memory slot or a device.
  static var usingKVM: [Syscall] {
    requests([
      0xae80,  // KVM_RUN
      0x4020_ae76,  // KVM_IRQFD
      0x4040_ae79,  // KVM_IOEVENTFD
      0x4020_aea5,  // KVM_SIGNAL_MSI
      0x8108_ae81,  // KVM_GET_REGS
      0x4108_ae82,  // KVM_SET_REGS
      0x4010_aeab,  // KVM_GET_ONE_REG
    ])
  }

  /// Until the second filter: making it.
  static var settingUpKVM: [Syscall] {
    requests([
      0xae00,  // KVM_GET_API_VERSION
      0xae01,  // KVM_CREATE_VM
      0xae03,  // KVM_CHECK_EXTENSION
      0xae04,  // KVM_GET_VCPU_MMAP_SIZE
      0xae41,  // KVM_CREATE_VCPU
      0x4020_ae46,  // KVM_SET_USER_MEMORY_REGION
      0x4008_ae6a,  // KVM_SET_GSI_ROUTING
      0x4004_ae99,  // KVM_SET_MP_STATE
      0x4010_aeac,  // KVM_SET_ONE_REG
      0xc00c_aee0,  // KVM_CREATE_DEVICE
      0x4018_aee1,  // KVM_SET_DEVICE_ATTR
      0x4018_aee2,  // KVM_GET_DEVICE_ATTR
      0x4018_aee3,  // KVM_HAS_DEVICE_ATTR
      0x8100_aed2,  // which tells Loongson's vendor kernels (reference F)
    ])
  }

  /// Calling a vCPU's thread back from the guest: SIGUSR1, whose handler does nothing, from this process to one of its own
  /// threads. The process is number 1 of a PID namespace in which there is no other.
  static var kicking: [Syscall] {
    [
      .allow("tgkill", .argument(0, isInt: 1), .argument(2, isInt: 10)),
      .allow("rt_sigaction", .argument(0, isInt: 10)),
    ]
  }

  private static func requests(_ numbers: [UInt32]) -> [Syscall] {
    numbers.map { .allow("ioctl", .argument(1, isInt: $0)) }
  }
}
