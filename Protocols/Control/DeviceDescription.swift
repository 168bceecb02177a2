/// One virtio function of a machine. Their order in `MachineDescription.devices` is that of the PCI device numbers, from 1.
public struct DeviceDescription: Sendable {
  /// What it is, and which process serves its queues.
  public enum Kind: Sendable {
    /// `atoll-block`.
    case block(BlockDescription)
    /// `atoll-net`.
    case net(NetDescription)
    /// `atoll-rng`: the host's entropy.
    case rng
    /// `atoll-console`; `terminal`: the machine's terminal is here and not at the UART.
    case console(terminal: Bool)
    /// `atoll-vsock`.
    case vsock(VsockDescription)
    /// A vhost-user back-end that is not Atoll's.
    case foreign(ForeignDescription)
  }
  /// What it is.
  public var kind: Kind
  /// The guest may use packed rings (virtio 1.3, 2.8).
  public var packed = false

  /// A function with split rings.
  public init(_ kind: Kind, packed: Bool = false) { (self.kind, self.packed) = (kind, packed) }

  /// The stem of the name that people use: the first block device is `block0`.
  public var stem: StaticString {
    switch kind {
    case .block: "block"
    case .net: "net"
    case .rng: "rng"
    case .console: "console"
    case .vsock: "vsock"
    case .foreign(let foreign): foreign.device.word
    }
  }

  /// virtio device id (virtio 1.3, 5).
  public var deviceID: UInt32 {
    switch kind {
    case .block: VirtioDevice.block.rawValue
    case .net: VirtioDevice.net.rawValue
    case .rng: VirtioDevice.rng.rawValue
    case .console: VirtioDevice.console.rawValue
    case .vsock: VirtioDevice.vsock.rawValue
    case .foreign(let foreign): foreign.device.rawValue
    }
  }
}

/// The virtio devices that a foreign back-end can be; the raw value is the device id (virtio 1.3, 5).
public enum VirtioDevice: UInt32, Sendable, CaseIterable {
  case net = 1
  case block = 2
  case console = 3
  case rng = 4
  case scsi = 8
  case gpu = 16
  case input = 18
  case vsock = 19
  case fs = 26
  case i2c = 34
  case can = 36
  case gpio = 41

  /// The word in a description.
  public var word: StaticString {
    switch self {
    case .net: "net"
    case .block: "block"
    case .console: "console"
    case .rng: "rng"
    case .scsi: "scsi"
    case .gpu: "gpu"
    case .input: "input"
    case .vsock: "vsock"
    case .fs: "fs"
    case .i2c: "i2c"
    case .can: "can"
    case .gpio: "gpio"
    }
  }
}

/// A disk.
public struct BlockDescription: Sendable {
  /// How the host's page cache is used.
  public enum Cache: UInt8, Sendable, CaseIterable {
    /// Writes are in the host's memory until the guest flushes.
    case writeback = 0
    /// Past the host's page cache (O_DIRECT).
    case direct = 1

    /// The word in a description.
    public var word: StaticString {
      switch self {
      case .writeback: "writeback"
      case .direct: "direct"
      }
    }
  }
  /// Path of a raw image or block device.
  public var path: String
  /// The guest cannot write to it, and the file is opened for reading only.
  public var readOnly = false
  /// Virtqueues, 1 to 16.
  public var queues = 1
  /// How the host's page cache is used.
  public var cache = Cache.writeback

  /// A writable disk with one queue.
  public init(path: String) { self.path = path }
}

/// A network card.
public struct NetDescription: Sendable {
  /// What it is connected to.
  public enum Mode: Sendable {
    /// The host's network as an ordinary program sees it, by user-space address translation.
    case user
    /// A tap interface of the host; without a name the kernel chooses one.
    case tap(String?)
  }
  /// What it is connected to.
  public var mode: Mode
  /// Hardware address as "52:54:00:12:34:56"; nil: one that depends on the place among the devices.
  public var mac: String?
  /// Pairs of queues, 1 to 8; more than one for a tap only.
  public var queuePairs = 1
  /// Ports of the host that lead to the guest: "tcp:2222:22", for `user` only.
  public var forward: [String] = []

  /// A card with one pair of queues.
  public init(_ mode: Mode) { self.mode = mode }
}

/// A vsock device.
public struct VsockDescription: Sendable {
  /// The guest's context id, 3 to 2^32 - 2.
  public var cid: UInt32
  /// Path of the Unix socket on which the host connects to the guest; the guest's connections to port N go to PATH_N.
  public var path: String

  /// A device for the guest with this id.
  public init(cid: UInt32, path: String) { (self.cid, self.path) = (cid, path) }
}
