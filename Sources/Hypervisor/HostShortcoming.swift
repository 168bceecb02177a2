/// Why a host cannot run guests on its own CPUs. Each sentence says what is missing and what to do.
public enum HostShortcoming: Sendable, Equatable {
  /// There is no /dev/kvm.
  case noKVM
  /// /dev/kvm is there, but not for this user.
  case notPermitted
  /// The host's CPUs are not LoongArch's.
  case otherArchitecture
  /// KVM speaks another version of its interface than 12.
  case otherInterface(Int)
  /// Loongson's own KVM of before Linux 6.7 (reference F).
  case vendorKVM
  /// KVM without interrupt controllers in the kernel: before Linux 6.13.
  case noInterruptControllers
  /// A capability that every kernel from 6.13 on has, by its number in linux/kvm.h.
  case missingCapability(Int)
  /// The kernel's CPU cannot give what every guest needs: bits of a CPUCFG word.
  case missingFeature(word: Int, bits: UInt32)
  /// The kernel hands over only a part of each FP register, so that no state can be saved or restored.
  case partialFloatRegisters
  /// Pages of the host that guest memory cannot be divided into.
  case pageSize(Int)

  /// What is missing and what to do.
  public var sentence: String { "\(reason): \(advice)" }

  /// What is missing, for a machine that goes on without KVM.
  public var reason: String {
    switch self {
    case .noKVM: "there is no /dev/kvm"
    case .notPermitted: "/dev/kvm is not open to this user"
    case .otherArchitecture: "this host's CPUs are not LoongArch's"
    case .otherInterface(let version): "the kernel's KVM has interface version \(version), not 12"
    case .vendorKVM: "this is Loongson's vendor KVM of an old kernel, which is not supported"
    case .noInterruptControllers: "the kernel's KVM has no LS7A interrupt controllers"
    case .missingCapability(let number): "the kernel's KVM lacks capability \(number), which Linux has had since 6.13"
    case .missingFeature(let word, let bits):
      "the host's CPU or kernel does not give guests CPUCFG word \(word), bits \(hex(UInt64(bits))), which they need"
    case .partialFloatRegisters:
      "this kernel's KVM does not hand over whole FP registers (KVM_GET_FPU, KVM_SET_FPU), so that no state can be saved or restored here"
    case .pageSize(let bytes):
      "the host's pages of \(bytes) bytes are larger than the parts that guest memory comes in"
    }
  }

  private var advice: String {
    switch self {
    case .noKVM: "load the kernel's kvm module (CONFIG_KVM), or run with --hypervisor soft"
    case .notPermitted: "add the user to its group (usually kvm), or run with --hypervisor soft"
    case .otherArchitecture: "its KVM cannot run the guest, run with --hypervisor soft"
    case .otherInterface, .missingFeature: "run with --hypervisor soft"
    case .vendorKVM: "use mainline Linux 6.13 or newer, or --hypervisor soft"
    case .noInterruptControllers: "use Linux 6.13 or newer, or run with --hypervisor soft"
    case .missingCapability: "use a newer kernel, or run with --hypervisor soft"
    case .partialFloatRegisters: "use a kernel in which that is mended"
    case .pageSize: "use a kernel with pages of 16 KiB or less, or --hypervisor soft"
    }
  }
}
