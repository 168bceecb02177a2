// Request numbers from reference A.1, written down again here on purpose: the product's table must not check itself.
enum Request {
  static let getAPIVersion: UInt32 = 0x0000_ae00
  static let createVM: UInt32 = 0x0000_ae01
  static let checkExtension: UInt32 = 0x0000_ae03
  static let getVCPUMapSize: UInt32 = 0x0000_ae04
  static let createVCPU: UInt32 = 0x0000_ae41
  static let getDirtyLog: UInt32 = 0x4010_ae42
  static let setMemoryRegion: UInt32 = 0x4020_ae46
  static let setMemoryRegion2: UInt32 = 0x40a0_ae49
  static let createIRQChip: UInt32 = 0x0000_ae60
  static let irqLine: UInt32 = 0x4008_ae61
  static let setRouting: UInt32 = 0x4008_ae6a
  static let irqfd: UInt32 = 0x4020_ae76
  static let ioeventfd: UInt32 = 0x4040_ae79
  static let run: UInt32 = 0x0000_ae80
  static let getRegisters: UInt32 = 0x8108_ae81
  static let setRegisters: UInt32 = 0x4108_ae82
  static let interrupt: UInt32 = 0x4004_ae86
  static let setSignalMask: UInt32 = 0x4004_ae8b
  static let getFPU: UInt32 = 0x8410_ae8c
  static let setFPU: UInt32 = 0x4410_ae8d
  static let getMPState: UInt32 = 0x8004_ae98
  static let setMPState: UInt32 = 0x4004_ae99
  static let setGuestDebug: UInt32 = 0x4008_ae9b
  static let enableCapability: UInt32 = 0x4068_aea3
  static let signalMSI: UInt32 = 0x4020_aea5
  static let getOneRegister: UInt32 = 0x4010_aeab
  static let setOneRegister: UInt32 = 0x4010_aeac
  static let createDevice: UInt32 = 0xc00c_aee0
  static let setAttribute: UInt32 = 0x4018_aee1
  static let getAttribute: UInt32 = 0x4018_aee2
  static let hasAttribute: UInt32 = 0x4018_aee3
}

/// Device types (linux/kvm.h, enum kvm_device_type).
public enum DeviceType {
  /// Inter-processor interrupts.
  public static let ipi: UInt32 = 12
  /// The extended I/O interrupt controller.
  public static let eiointc: UInt32 = 13
  /// The LS7A.
  public static let pchPIC: UInt32 = 14
  /// Message interrupts straight to a CPU; since 7.2.
  public static let dmsintc: UInt32 = 15
}

/// Exit reasons of kvm_run.
public enum ExitReason {
  /// KVM_EXIT_UNKNOWN
  public static let unknown: UInt32 = 0
  /// KVM_EXIT_HYPERCALL
  public static let hypercall: UInt32 = 3
  /// KVM_EXIT_MMIO
  public static let mmio: UInt32 = 6
  /// KVM_EXIT_INTR
  public static let interrupted: UInt32 = 10
  /// KVM_EXIT_INTERNAL_ERROR
  public static let internalError: UInt32 = 17
  /// KVM_EXIT_LOONGARCH_IOCSR
  public static let iocsr: UInt32 = 38
}
