// The messages between supervisor and VMM, but for those of the VMM's start (Messages+Machine.swift).

// MARK: supervisor → VMM

/// One region of a device as the VMM maps it; its place in the list is the access' region index.
public struct RegionWindow: Sendable, Equatable {
  /// Guest physical address of the first byte.
  public var guestAddress: UInt64
  /// Bytes, at least 1; address + size does not wrap.
  public var size: UInt32
  /// Writes need not be waited for.
  public var posted: Bool

  public init(guestAddress: UInt64, size: UInt32, posted: Bool) {
    (self.guestAddress, self.size, self.posted) = (guestAddress, size, posted)
  }
}

/// 34: a device, or its new incarnation: then the wake and interrupt descriptors replace the old ones, accesses that wait go on.
/// Descriptors: ring segment, wake eventfd, interrupt eventfd; with `backChannel` the last is one end of a SOCK_SEQPACKET
/// socket whose other end the device has, and what the earlier incarnation had bound is unbound first.
public struct AttachDevice: Message, Equatable {
  public static var request: Request { .attachDevice }
  /// Which of the machine's devices.
  public var deviceIndex: UInt32
  /// As in `Attach`.
  public var incarnation: UInt32
  /// LS7A PCH-PIC pin of the interrupt eventfd, 0...63, or `noPin`; 0 with `backChannel`.
  public var pin: UInt32
  /// 1...8 regions.
  public var regions: [RegionWindow]
  /// The first MSI vector that the device may bind, 64...255; 0 if none.
  public var firstVector: UInt32
  /// How many; `firstVector` + `vectorCount` is at most 256. 0 without `backChannel`.
  public var vectorCount: UInt32
  /// The device asks for its doorbells and vectors itself.
  public var backChannel: Bool
  public var descriptorCount: Int { 3 }

  /// The pin of a device that raises no interrupts: its eventfd is bound to nothing.
  public static let noPin: UInt32 = 64

  /// A device with an interrupt pin, or with none.
  public init(deviceIndex: UInt32, incarnation: UInt32, pin: UInt32, regions: [RegionWindow]) {
    (self.deviceIndex, self.incarnation, self.pin, self.regions) = (deviceIndex, incarnation, pin, regions)
    (firstVector, vectorCount, backChannel) = (0, 0, false)
  }
  /// A device with a back-channel, which may bind doorbells in its regions and these vectors.
  public init(deviceIndex: UInt32, incarnation: UInt32, regions: [RegionWindow], vectors: Range<UInt32>) {
    self.init(deviceIndex: deviceIndex, incarnation: incarnation, pin: 0, regions: regions)
    (firstVector, vectorCount, backChannel) = (vectors.lowerBound, vectors.upperBound - vectors.lowerBound, true)
  }
  public func encode(into payload: inout PayloadWriter) {
    for field in [deviceIndex, incarnation, pin, UInt32(truncatingIfNeeded: regions.count)] { payload.put(field) }
    for region in regions {
      payload.put(region.guestAddress)
      payload.put(region.size)
      payload.put(region.posted)
    }
    payload.put(firstVector)
    payload.put(vectorCount)
    payload.put(backChannel)
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    deviceIndex = try payload.u32()
    incarnation = try payload.u32()
    pin = try payload.u32()
    let count = try payload.u32()
    guard count >= 1, count <= BusLimits.regions else { throw .impossible("the number of regions is not 1 to 8") }
    regions = []
    for _ in 0..<count {
      let address = try payload.u64()
      let size = try payload.u32()
      regions.append(RegionWindow(guestAddress: address, size: size, posted: try payload.flag()))
    }
    firstVector = try payload.u32()
    vectorCount = try payload.u32()
    backChannel = try payload.flag()
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(deviceIndex: deviceIndex)
    guard incarnation >= 1 else { throw .impossible("incarnations count from 1") }
    guard pin <= AttachDevice.noPin else { throw .impossible("the interrupt pin is not 0 to 64") }
    guard !backChannel || pin == 0 else { throw .impossible("a device with a back-channel has a pin") }
    for region in regions {
      let end = region.guestAddress.addingReportingOverflow(UInt64(region.size))
      guard region.size >= 1, !end.overflow else { throw .impossible("a region is empty or wraps") }
    }
    try checkVectors()
  }
  /// Vectors below 64 are those of the PCH-PIC's pins, as the MADT divides them.
  private func checkVectors() throws(MessageError) {
    guard vectorCount > 0 else {
      guard firstVector == 0 else { throw .impossible("a first vector without a number of vectors") }
      return
    }
    guard backChannel, firstVector >= 64, firstVector < 256, vectorCount <= 256 - firstVector else {
      throw .impossible("the vectors are not 64 to 255, or there is no back-channel to bind them")
    }
  }
}

/// 35: a device's process is gone and may come back: its accesses wait.
public struct DetachDevice: DeviceIndexMessage, Equatable {
  public static var request: Request { .detachDevice }
  public var deviceIndex: UInt32
  public init(deviceIndex: UInt32) { self.deviceIndex = deviceIndex }
}

/// 36: where vCPU 0 starts, and where the others wait.
public struct Boot: BootMessage, Equatable {
  public static var request: Request { .boot }
  public var entry: BootEntry
  public init(entry: BootEntry) { self.entry = entry }
}

/// 37: let the vCPUs run.
public struct Run: EmptyMessage, Equatable {
  public static var request: Request { .run }
  public init() {}
}

/// 38: stop the vCPUs between two instructions; answered by `Paused`.
public struct Pause: EmptyMessage, Equatable {
  public static var request: Request { .pause }
  public init() {}
}

/// 39: the machine ends: the VMM exits with status 0.
public struct Stop: EmptyMessage, Equatable {
  public static var request: Request { .stop }
  public init() {}
}

/// 40: asks the VMM for its counters; answered by `MachineCounters`.
public struct QueryMachineCounters: EmptyMessage, Equatable {
  public static var request: Request { .queryMachineCounters }
  public init() {}
}

/// 41: a device will not come back: reads give all ones, writes go nowhere.
public struct AbandonDevice: DeviceIndexMessage, Equatable {
  public static var request: Request { .abandonDevice }
  public var deviceIndex: UInt32
  public init(deviceIndex: UInt32) { self.deviceIndex = deviceIndex }
}

// MARK: VMM → supervisor

/// 49: a device broke the ring's rules; its process is to be ended. `code` is `RingFault.rawValue`.
public struct DeviceFault: Message, Equatable {
  public static var request: Request { .deviceFault }
  /// Which of the machine's devices.
  public var deviceIndex: UInt32
  /// `RingFault.rawValue`.
  public var code: UInt32

  public init(deviceIndex: UInt32, code: UInt32) { (self.deviceIndex, self.code) = (deviceIndex, code) }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(deviceIndex)
    payload.put(code)
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    deviceIndex = try payload.u32()
    code = try payload.u32()
  }
  public func check() throws(MessageError) { try DeviceBus.check(deviceIndex: deviceIndex) }
}

/// 50: a vCPU cannot continue; the others stop at their next instruction.
public struct VCPUFailed: RegisterMessage, Equatable {
  public static var request: Request { .vcpuFailed }
  public var report: RegisterReport
  public init(report: RegisterReport) { self.report = report }
}

/// 51: what the machine has done since its start, over all vCPUs.
public struct MachineCounters: Message {
  public static var request: Request { .machineCounters }
  /// Guest instructions retired; 0 where the hypervisor cannot count.
  public var instructions: UInt64 = 0
  /// Interrupts taken.
  public var interrupts: UInt64 = 0
  /// Exceptions taken, interrupts not among them.
  public var exceptions: UInt64 = 0
  /// Instructions that nothing implements.
  public var unimplemented: UInt64 = 0
  /// Accesses that left the hypervisor.
  public var mmioExits: UInt64 = 0
  /// Messages that the core sent on behalf of a device (ring faults). Accesses and interrupts have no path through the
  /// control thread, so it stays 0 unless a device breaks the ring's rules.
  public var coreMessages: UInt64 = 0
  /// Doorbells and vectors that devices asked to bind or unbind: a matter of set-up, not of the data path.
  public var bindings: UInt64 = 0
  /// Accesses sent to each device, by device index.
  public var deviceAccesses = InlineArray<16, UInt64>(repeating: 0)

  public init() {}
  public func encode(into payload: inout PayloadWriter) {
    for field in [instructions, interrupts, exceptions, unimplemented, mmioExits, coreMessages, bindings] {
      payload.put(field)
    }
    for i in 0..<16 { payload.put(deviceAccesses[i]) }
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    instructions = try payload.u64()
    interrupts = try payload.u64()
    exceptions = try payload.u64()
    unimplemented = try payload.u64()
    mmioExits = try payload.u64()
    coreMessages = try payload.u64()
    bindings = try payload.u64()
    for i in 0..<16 { deviceAccesses[i] = try payload.u64() }
  }
}

/// 52: the vCPUs stand still; the registers of vCPU 0.
public struct Paused: RegisterMessage, Equatable {
  public static var request: Request { .paused }
  public var report: RegisterReport
  public init(report: RegisterReport) { self.report = report }
}
