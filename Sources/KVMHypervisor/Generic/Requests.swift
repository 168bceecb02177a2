/// A request of KVM's interface: the number of ioctl(2), and its name for people.
/// Linux 7.2, Documentation/virt/kvm/api.rst, and include/uapi/linux/kvm.h; a test compares each with Debian's headers.
public struct KVMRequest: Sendable {
  public let number: UInt32
  public let name: StaticString

  public init(_ number: UInt32, _ name: StaticString) {
    self.number = number
    self.name = name
  }
}

// Computed, not stored: a stored one would be initialised behind a lock.
extension KVMRequest {
  // Of /dev/kvm.
  public static var getAPIVersion: Self { Self(0xae00, "KVM_GET_API_VERSION") }
  public static var createVM: Self { Self(0xae01, "KVM_CREATE_VM") }
  public static var checkExtension: Self { Self(0xae03, "KVM_CHECK_EXTENSION") }
  public static var getVCPUMapSize: Self { Self(0xae04, "KVM_GET_VCPU_MMAP_SIZE") }
  // Of a machine.
  public static var createVCPU: Self { Self(0xae41, "KVM_CREATE_VCPU") }
  public static var getDirtyLog: Self { Self(0x4010_ae42, "KVM_GET_DIRTY_LOG") }
  public static var setUserMemoryRegion: Self { Self(0x4020_ae46, "KVM_SET_USER_MEMORY_REGION") }
  public static var irqLine: Self { Self(0x4008_ae61, "KVM_IRQ_LINE") }
  public static var setGSIRouting: Self { Self(0x4008_ae6a, "KVM_SET_GSI_ROUTING") }
  public static var irqfd: Self { Self(0x4020_ae76, "KVM_IRQFD") }
  public static var ioeventfd: Self { Self(0x4040_ae79, "KVM_IOEVENTFD") }
  public static var signalMSI: Self { Self(0x4020_aea5, "KVM_SIGNAL_MSI") }
  public static var createDevice: Self { Self(0xc00c_aee0, "KVM_CREATE_DEVICE") }
  // Of a machine, a vCPU or a device.
  public static var setDeviceAttribute: Self { Self(0x4018_aee1, "KVM_SET_DEVICE_ATTR") }
  public static var getDeviceAttribute: Self { Self(0x4018_aee2, "KVM_GET_DEVICE_ATTR") }
  public static var hasDeviceAttribute: Self { Self(0x4018_aee3, "KVM_HAS_DEVICE_ATTR") }
  // Of a vCPU.
  public static var run: Self { Self(0xae80, "KVM_RUN") }
  public static var getOneRegister: Self { Self(0x4010_aeab, "KVM_GET_ONE_REG") }
  public static var setOneRegister: Self { Self(0x4010_aeac, "KVM_SET_ONE_REG") }
  public static var setMPState: Self { Self(0x4004_ae99, "KVM_SET_MP_STATE") }
}

/// The version of the interface that every kernel since 2.6.22 has (api.rst, 4.1).
public let kvmInterfaceVersion = 12

/// Capabilities that are asked for with KVM_CHECK_EXTENSION.
public enum KVMCapability {
  public static let userMemory = 3
  public static let mpState = 14
  public static let irqRouting = 25
  public static let irqfd = 32
  public static let ioeventfd = 36
  public static let ioeventfdAnyLength = 122
  public static let signalMSI = 77
  public static let deviceControl = 89
  public static let immediateExit = 136
}
