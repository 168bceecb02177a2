// Every address and number of the PCIe host and of its functions. "PCIe" is the PCI Express Base Specification 5.0, "virtio"
// the Virtual I/O Device specification 1.3.

/// The machine's PCI windows: guest physical addresses, and the order in which the device serves them.
public enum PCIWindow {
  /// Region 0, ECAM (PCIe 7.2.2): buses 0 to 127, 1 MiB each.
  public static let ecam: UInt8 = 0
  /// Region 1, the LS7A's configuration window: type 0 accesses in the lower 16 MiB, type 1 in the upper.
  public static let legacy: UInt8 = 1
  /// Region 2, I/O ports: no function has any.
  public static let ports: UInt8 = 2
  /// Region 3, memory: where the BARs are.
  public static let memory: UInt8 = 3

  static let ecamSize: UInt32 = 128 << 20
  static let legacySize: UInt32 = 32 << 20
  static let portsSize: UInt32 = 64 << 10
  /// First guest physical address of region 3.
  public static let memoryBase: UInt64 = 0x4000_0000
  static let memorySize: UInt32 = 1 << 30
  /// Where the interrupt controller takes messages (the LS7A's PCH-MSI). A message to another address is not one.
  public static let messageAddress: UInt64 = 0x2ff0_0000
}

/// Sizes that bound everything else.
public enum PCIeLimits {
  /// Device numbers of bus 0; 0 is the host bridge, functions have 1 to 31.
  public static let slots = 32
  /// Virtio functions.
  public static let functions = 16
  /// Queues of one function.
  public static let queues = 32
  /// Descriptors of the largest ring.
  public static let queueSize: UInt16 = 256
  /// Vectors of one function: one for each queue and one for configuration changes.
  public static let vectors = 33
  /// Doorbells, and so queues, of all functions together; likewise vectors (Protocols/DeviceBus, bindDoorbell and bindMSI).
  public static let bindings = 160
  /// Bytes of a device-specific configuration.
  public static let config = 256
}

/// What is where in BAR 0, 64 KiB.
public enum BARLayout {
  /// Bytes of the BAR.
  public static let size: UInt64 = 0x1_0000
  static let common: UInt32 = 0x0000
  static let isr: UInt32 = 0x1000
  static let device: UInt32 = 0x2000
  /// Doorbell of queue q at notify + 4·q.
  public static let notify: UInt32 = 0x4000
  /// Bytes from one queue's doorbell to the next (notify_off_multiplier).
  public static let notifyStride: UInt32 = 4
  static let vectorTable: UInt32 = 0x8000
  static let pendingBits: UInt32 = 0xc000
  /// Bytes of each virtio structure as its capability announces it.
  static let structure: UInt32 = 0x1000
}

/// Registers of a function's configuration space (PCIe 7.5.1) and its capabilities.
enum ConfigRegister {
  static let identity: UInt32 = 0x00
  static let command: UInt32 = 0x04
  static let classCode: UInt32 = 0x08
  static let cacheLine: UInt32 = 0x0c
  static let barLow: UInt32 = 0x10
  static let barHigh: UInt32 = 0x14
  static let subsystem: UInt32 = 0x2c
  static let capabilities: UInt32 = 0x34
  static let interruptLine: UInt32 = 0x3c
  static let msix: UInt32 = 0x40
  static let commonCapability: UInt32 = 0x50
  static let notifyCapability: UInt32 = 0x60
  static let isrCapability: UInt32 = 0x74
  static let deviceCapability: UInt32 = 0x84
  static let accessCapability: UInt32 = 0x94
  /// pci_cfg_data of the access capability.
  static let accessData: UInt32 = 0xa4
}

/// The command register's bits that a function has (PCIe 7.5.1.1.3).
enum Command {
  static let memorySpace: UInt16 = 1 << 1
  static let busMaster: UInt16 = 1 << 2
  /// There is no INTx to disable; the bit is stored because drivers read it back.
  static let interruptDisable: UInt16 = 1 << 10
  static let stored = memorySpace | busMaster | interruptDisable
}

/// Who a function says it is.
enum Identity {
  /// Loongson and its LS7A host bridge. Linux has no quirk for this device number, unlike for the LS7A's ports and its
  /// configuration function (drivers/pci/controller/pci-loongson.c).
  static let hostBridge: UInt32 = 0x7a00_0014
  static let bridgeClass: UInt32 = 0x0600_0000
  /// virtio 4.1.2: vendor 0x1af4, device 0x1040 + the virtio device number.
  static func virtio(_ deviceID: UInt32) -> UInt32 { (0x1040 + deviceID) << 16 | 0x1af4 }

  /// Class code and revision 1 (virtio 4.1.2.1 asks for a revision of at least 1).
  static func classCode(_ deviceID: UInt32) -> UInt32 {
    let code: UInt32 =
      switch deviceID {
      case 1: 0x02_00_00  // network
      case 2: 0x01_00_00  // block: SCSI storage, as other monitors say and firmware expects
      case 3, 19: 0x07_80_00  // console, socket: other communication
      case 26: 0x01_80_00  // file system: other storage
      default: 0x00_ff_00
      }
    return code << 8 | 1
  }
}

/// Device status bits (virtio 2.1).
public enum DeviceStatus {
  /// ACKNOWLEDGE: the guest has seen the device.
  public static let acknowledge: UInt8 = 1
  /// DRIVER: it has a driver for it.
  public static let driver: UInt8 = 2
  /// DRIVER_OK: the driver runs it.
  public static let driverOK: UInt8 = 4
  /// FEATURES_OK: features are settled.
  public static let featuresOK: UInt8 = 8
  /// DEVICE_NEEDS_RESET: only a reset puts right what is wrong; the device sets it.
  public static let needsReset: UInt8 = 64
  /// FAILED: the driver has given up.
  public static let failed: UInt8 = 128
  static let writable = acknowledge | driver | driverOK | featuresOK | failed
}

/// Feature bits that the transport knows (virtio 6).
public enum Feature {
  /// VIRTIO_F_VERSION_1.
  public static let version1: UInt64 = 1 << 32
  /// VIRTIO_F_RING_PACKED.
  public static let ringPacked: UInt64 = 1 << 34
  /// VIRTIO_BLK_F_CONFIG_WCE: the driver may switch the cache's mode in the configuration.
  static let blockCacheMode: UInt64 = 1 << 11

  /// Bits that pass from back-end to guest. Not those of legacy devices (24, 27), of vhost (26, 30), or of what this
  /// transport does not have: ACCESS_PLATFORM (an IOMMU), SR_IOV, NOTIFICATION_DATA, NOTIF_CONFIG_DATA, RING_RESET,
  /// ADMIN_VQ.
  static let passed: UInt64 = {
    var bits = ~UInt64(0)
    for bit in [24, 26, 27, 30, 31, 33, 37, 38, 39, 40, 41] { bits &= ~(1 << UInt64(bit)) }
    return bits
  }()

  /// Bits of a device type that need what this transport cannot pass on: the console's emergency write.
  static func withheld(deviceID: UInt32) -> UInt64 { deviceID == 3 ? 1 << 2 : 0 }
}
