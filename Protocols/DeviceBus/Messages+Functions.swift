// The messages that join the PCIe host and the back-ends of its functions. The two talk vhost-user on a stream socket that
// the supervisor makes; nothing of that conversation passes through here.

/// Guest RAM as a process is given it: a range of guest physical addresses and where it lies in its memory file.
public struct MemoryRegion: Sendable, Equatable {
  /// Guest physical address of the first byte, a multiple of 4096.
  public var guestAddress: UInt64
  /// Bytes, a positive multiple of 4096; address + size does not wrap.
  public var size: UInt64
  /// Offset of the first byte in the descriptor that belongs to the region, a multiple of 4096.
  public var fileOffset: UInt64

  public init(guestAddress: UInt64, size: UInt64, fileOffset: UInt64) {
    (self.guestAddress, self.size, self.fileOffset) = (guestAddress, size, fileOffset)
  }

  fileprivate func check() throws(MessageError) {
    guard size > 0, (guestAddress | size | fileOffset) & 4095 == 0 else {
      throw .impossible("a memory region is empty or not made of pages")
    }
    // A file offset is signed; a guest physical address has 48 bits at most.
    guard guestAddress <= 1 << 48, size <= 1 << 48, fileOffset <= 1 << 48 else {
      throw .impossible("a memory region lies beyond 48 bits of address")
    }
  }

  fileprivate func overlaps(_ other: MemoryRegion) -> Bool {
    guestAddress < other.guestAddress + other.size && other.guestAddress < guestAddress + size
  }
}

func check(slot: UInt32) throws(MessageError) {
  guard (1...31).contains(slot) else { throw .impossible("the slot is not 1 to 31") }
}

/// 4: a back-end's front-end, and again each time that the front-end's process is a new one: then the earlier conversation is
/// over. The first of them is a back-end's first message. Descriptor: a connected vhost-user stream socket.
public struct ConnectFrontEnd: Message, Equatable {
  public static var request: Request { .connectFrontEnd }
  /// `BusLimits.version`.
  public var version = BusLimits.version
  /// The slot of the function on the PCIe bus, 1...31; for the log.
  public var function: UInt32
  /// Of the front-end's process, from 1; for the log.
  public var incarnation: UInt32
  public var descriptorCount: Int { 1 }

  public init(function: UInt32, incarnation: UInt32) { (self.function, self.incarnation) = (function, incarnation) }
  public func encode(into payload: inout PayloadWriter) {
    for field in [version, function, incarnation] { payload.put(field) }
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    version = try payload.u32()
    function = try payload.u32()
    incarnation = try payload.u32()
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(version: version)
    try DeviceBus.check(slot: function)
    guard incarnation >= 1 else { throw .impossible("incarnations count from 1") }
  }
}

/// 6: a function of the PCIe host, or the new incarnation of its back-end. Descriptors: a connected vhost-user stream socket,
/// the in-flight memory (`BusLimits.inflightBytes`, sealed, the same for all incarnations of both sides), then one guest
/// memory file for each region.
public struct AttachFunction: Message, Equatable {
  public static var request: Request { .attachFunction }
  /// `BusLimits.version`.
  public var version = BusLimits.version
  /// PCI device number, 1...31.
  public var slot: UInt32
  /// virtio device id (virtio 1.3, 5), 1...63.
  public var deviceID: UInt32
  /// Of the back-end's process, from 1.
  public var incarnation: UInt32
  /// Virtqueues to offer, 0...32; 0: as many as the back-end has.
  public var queues: UInt32
  /// RING_PACKED may be offered to the guest.
  public var packed: Bool
  /// Device configuration space for a back-end that keeps none itself; at most 256 bytes, empty if it does.
  public var config: [UInt8]
  /// The guest memory that the back-end gets, 1...8 regions that do not overlap.
  public var regions: [MemoryRegion]
  public var descriptorCount: Int { 2 + regions.count }

  public init(
    slot: UInt32, deviceID: UInt32, incarnation: UInt32, queues: UInt32, packed: Bool, config: [UInt8],
    regions: [MemoryRegion]
  ) {
    (self.slot, self.deviceID, self.incarnation, self.queues) = (slot, deviceID, incarnation, queues)
    (self.packed, self.config, self.regions) = (packed, config, regions)
  }
  public func encode(into payload: inout PayloadWriter) {
    for field in [version, slot, deviceID, incarnation, queues] { payload.put(field) }
    payload.put(packed)
    payload.put(counted: config)
    payload.put(UInt32(truncatingIfNeeded: regions.count))
    for region in regions {
      payload.put(region.guestAddress)
      payload.put(region.size)
      payload.put(region.fileOffset)
    }
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    version = try payload.u32()
    slot = try payload.u32()
    deviceID = try payload.u32()
    incarnation = try payload.u32()
    queues = try payload.u32()
    packed = try payload.flag()
    config = try payload.counted(limit: BusLimits.functionConfig)
    let count = try payload.u32()
    guard count >= 1, count <= BusLimits.memoryRegions else {
      throw .impossible("the number of memory regions is not 1 to 8")
    }
    regions = []
    for _ in 0..<count {
      let address = try payload.u64()
      let size = try payload.u64()
      regions.append(MemoryRegion(guestAddress: address, size: size, fileOffset: try payload.u64()))
    }
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(version: version)
    try DeviceBus.check(slot: slot)
    guard (1...63).contains(deviceID) else { throw .impossible("the virtio device id is not 1 to 63") }
    guard incarnation >= 1 else { throw .impossible("incarnations count from 1") }
    guard queues <= BusLimits.queues else { throw .impossible("the number of queues is not 0 to 32") }
    for (index, region) in regions.enumerated() {
      try region.check()
      for other in regions[..<index] where region.overlaps(other) {
        throw .impossible("two memory regions overlap")
      }
    }
  }
}

/// 7: a function's back-end will not come back: its driver is told that the device needs a reset.
public struct AbandonFunction: Message, Equatable {
  public static var request: Request { .abandonFunction }
  /// PCI device number, 1...31.
  public var slot: UInt32

  public init(slot: UInt32) { self.slot = slot }
  public func encode(into payload: inout PayloadWriter) { payload.put(slot) }
  public init(fields payload: inout PayloadReader) throws(MessageError) { slot = try payload.u32() }
  public func check() throws(MessageError) { try DeviceBus.check(slot: slot) }
}

/// 20: the PCIe host says how a function's back-end does.
public struct FunctionState: Message, Equatable {
  public static var request: Request { .functionState }
  /// How it does.
  public enum Condition: UInt32, Sendable {
    /// The handshake is done and the configuration known: the guest may see it.
    case connected = 1
    /// It broke the protocol: its process is to be ended.
    case fault = 2
  }
  /// PCI device number, 1...31.
  public var slot: UInt32
  /// Of the back-end, as in `AttachFunction`: word of an earlier incarnation means nothing.
  public var incarnation: UInt32
  /// How it does.
  public var condition: Condition
  /// What it did, one sentence, at most 200 bytes of printable ASCII; empty if connected.
  public var text: String

  /// Words beyond 200 bytes are cut off.
  public init(slot: UInt32, incarnation: UInt32, condition: Condition, text: String = "") {
    (self.slot, self.incarnation, self.condition, self.text) = (slot, incarnation, condition, text)
  }
  public static func == (a: FunctionState, b: FunctionState) -> Bool {
    // By bytes: comparing Strings asks for Unicode tables.
    a.slot == b.slot && a.incarnation == b.incarnation && a.condition == b.condition
      && a.text.utf8.elementsEqual(b.text.utf8)
  }
  public func encode(into payload: inout PayloadWriter) {
    for field in [slot, incarnation, condition.rawValue] { payload.put(field) }
    payload.put(counted: Array(text.utf8.prefix(BusLimits.failureText)))
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    slot = try payload.u32()
    incarnation = try payload.u32()
    guard let known = Condition(rawValue: try payload.u32()) else {
      throw .impossible("the function's condition does not exist")
    }
    condition = known
    text = try payload.text(limit: BusLimits.failureText)
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(slot: slot)
    guard incarnation >= 1 else { throw .impossible("incarnations count from 1") }
  }
}
