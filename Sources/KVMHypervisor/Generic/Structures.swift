// The structures of KVM's interface, laid out as C lays them out (Linux 7.2, include/uapi/linux/kvm.h): every field is
// naturally aligned. A test compares sizes and offsets with Debian's headers.

/// struct kvm_userspace_memory_region
struct KVMMemoryRegion: BitwiseCopyable {
  var slot: UInt32 = 0
  var flags: UInt32 = 0
  var guestAddress: UInt64 = 0
  var size: UInt64 = 0
  var hostAddress: UInt64 = 0

  static let logDirtyPages: UInt32 = 1
  static let readOnly: UInt32 = 2
}

/// struct kvm_dirty_log
struct KVMDirtyLog: BitwiseCopyable {
  var slot: UInt32 = 0
  var padding: UInt32 = 0
  /// Address of a bitmap, one bit a page of the host, in whole 64-bit words.
  var bitmap: UInt64 = 0
}

/// struct kvm_irqfd
struct KVMIRQFD: BitwiseCopyable {
  var eventfd: UInt32 = 0
  var gsi: UInt32 = 0
  var flags: UInt32 = 0
  var resampleFD: UInt32 = 0
  var padding = InlineArray<2, UInt64>(repeating: 0)

  static let deassign: UInt32 = 1
}

/// struct kvm_ioeventfd
struct KVMIOEventFD: BitwiseCopyable {
  var match: UInt64 = 0
  var address: UInt64 = 0
  /// 0: of any length.
  var length: UInt32 = 0
  var eventfd: Int32 = 0
  var flags: UInt32 = 0
  // 36 bytes; as words, because there is no 64-bit alignment here.
  var padding = InlineArray<9, UInt32>(repeating: 0)

  static let datamatch: UInt32 = 1
  static let deassign: UInt32 = 4
}

/// struct kvm_irq_level
struct KVMIRQLevel: BitwiseCopyable {
  var irq: UInt32 = 0
  var level: UInt32 = 0
}

/// struct kvm_msi
struct KVMMessage: BitwiseCopyable {
  var addressLow: UInt32 = 0
  var addressHigh: UInt32 = 0
  var data: UInt32 = 0
  var flags: UInt32 = 0
  var deviceID: UInt32 = 0
  var padding = InlineArray<3, UInt32>(repeating: 0)
}

/// struct kvm_irq_routing, without its entries
struct KVMRoutingHeader: BitwiseCopyable {
  var count: UInt32 = 0
  var flags: UInt32 = 0
}

/// struct kvm_irq_routing_entry
struct KVMRoutingEntry: BitwiseCopyable {
  var gsi: UInt32 = 0
  var type: UInt32 = 0
  var flags: UInt32 = 0
  var padding: UInt32 = 0
  /// The union: {irqchip, pin}, or {address low, address high, data, device id}.
  var words = InlineArray<8, UInt32>(repeating: 0)

  static let irqchip: UInt32 = 1
  static let msi: UInt32 = 2
}

/// struct kvm_create_device
struct KVMCreateDevice: BitwiseCopyable {
  var type: UInt32 = 0
  var descriptor: UInt32 = 0
  var flags: UInt32 = 0

  /// Only asks whether the type exists.
  static let test: UInt32 = 1
}

/// struct kvm_device_attr
struct KVMDeviceAttribute: BitwiseCopyable {
  var flags: UInt32 = 0
  var group: UInt32 = 0
  var attribute: UInt64 = 0
  /// Of the value, whose size the attribute has settled.
  var address: UInt64 = 0
}

/// struct kvm_one_reg
struct KVMOneRegister: BitwiseCopyable {
  var id: UInt64 = 0
  var address: UInt64 = 0
}

/// Where things are in struct kvm_run, which is larger than what is named here.
enum KVMRunArea {
  static let immediateExit = 1
  static let exitReason = 8
  // The union, for an access to memory or, on LoongArch, to a register of I/O: both have one shape.
  static let address = 0x20
  static let data = 0x28
  static let length = 0x30
  static let isWrite = 0x34
  /// Of an internal error.
  static let suberror = 0x20
  /// What must be mapped for all of it.
  static let minimumSize = 0x60
}

/// Why KVM_RUN returned: the ones that have a meaning here.
enum KVMExitReason {
  static let mmio: UInt32 = 6
  static let interrupted: UInt32 = 10
  static let internalError: UInt32 = 17
}
