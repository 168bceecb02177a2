// The messages of the set-up sockets: here those of a device; Messages+VMM, Messages+Loader and Messages+Terminal have the
// others. Field order is the wire order; README.md has all of them in one table. Deliberately absent: register accesses,
// interrupts and console bytes, which travel in shared memory.

/// Limits that both sides of every socket hold to.
public enum BusLimits {
  /// The version of everything in this module.
  public static let version: UInt32 = 1
  /// vCPUs of a machine, and so rings of a segment.
  public static let vcpus = 256
  /// Device processes of a machine.
  public static let devices = 16
  /// Regions of a device.
  public static let regions = 8
  /// Bytes of a kernel command line.
  public static let commandLine = 4096
  /// Bytes of a text that says what failed.
  public static let failureText = 200
  /// Functions on the PCIe bus beside the host bridge; their slots are 1 and more.
  public static let functions = 16
  /// Virtqueues of a function.
  public static let queues = 32
  /// Bytes of a function's device configuration space.
  public static let functionConfig = 256
  /// Guest memory regions that one process can be given.
  public static let memoryRegions = 8
  /// Bytes of a function's in-flight memory, which outlives both of its processes.
  public static let inflightBytes = 1 << 20
  /// Doorbells, and beside them as many vectors, that one device may have bound.
  public static let bindings = 160
  /// Bytes that the state page of a device has for its model, if nothing else is said.
  public static let modelStateSize = 1024
  /// Bytes that the state page of the PCIe host has for its model.
  public static let hostStateSize = 128 << 10
}

func check(version: UInt32) throws(MessageError) {
  guard version == BusLimits.version else { throw .unsupportedVersion(version) }
}
func check(vcpus: UInt32) throws(MessageError) {
  guard vcpus >= 1, vcpus <= BusLimits.vcpus else { throw .impossible("the number of vCPUs is not 1 to 256") }
}
func check(deviceIndex: UInt32) throws(MessageError) {
  guard deviceIndex < BusLimits.devices else { throw .impossible("the device index is not 0 to 15") }
}

// MARK: supervisor → device

/// 1: the first message to a device. Descriptors: ring segment, state page, wake eventfd, interrupt eventfd; with `console`
/// also console segment, console-wake eventfd (signals the terminal), console-kick eventfd (the terminal signals). With
/// `backChannel` the interrupt eventfd's place is taken by one end of a SOCK_SEQPACKET socket whose other end the VMM has. With
/// `content` one more: a file that holds what the device serves.
public struct Attach: Message, Equatable {
  public static var request: Request { .attach }
  /// `BusLimits.version`.
  public var version = BusLimits.version
  /// Which of the machine's devices this is.
  public var deviceIndex: UInt32
  /// Rings in the segment.
  public var vcpus: UInt32
  /// 1 for the first process of this device, then one more for each that follows.
  public var incarnation: UInt32
  /// The state page holds the state of an earlier incarnation.
  public var resume: Bool
  /// The console's three descriptors follow the other four.
  public var console: Bool
  /// The device binds its own doorbells and vectors: a socket to the VMM comes where others get an interrupt.
  public var backChannel: Bool
  /// A file with the device's content (flash, fwcfg) is the last descriptor; the same for all incarnations.
  public var content: Bool
  public var descriptorCount: Int { (console ? 7 : 4) + (content ? 1 : 0) }

  public init(
    deviceIndex: UInt32, vcpus: UInt32, incarnation: UInt32, resume: Bool, console: Bool = false,
    backChannel: Bool = false, content: Bool = false
  ) {
    (self.deviceIndex, self.vcpus, self.incarnation) = (deviceIndex, vcpus, incarnation)
    (self.resume, self.console, self.backChannel) = (resume, console, backChannel)
    self.content = content
  }
  public func encode(into payload: inout PayloadWriter) {
    for field in [version, deviceIndex, vcpus, incarnation] { payload.put(field) }
    payload.put(resume)
    payload.put(console)
    payload.put(backChannel)
    payload.put(content)
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    version = try payload.u32()
    deviceIndex = try payload.u32()
    vcpus = try payload.u32()
    incarnation = try payload.u32()
    resume = try payload.flag()
    console = try payload.flag()
    backChannel = try payload.flag()
    content = try payload.flag()
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(version: version)
    try DeviceBus.check(deviceIndex: deviceIndex)
    try DeviceBus.check(vcpus: vcpus)
    guard incarnation >= 1 else { throw .impossible("incarnations count from 1") }
  }
}

/// 2: the host asks something of the guest through this device; the number is the device model's `HostEvent`.
public struct HostEventMessage: Message, Equatable {
  public static var request: Request { .hostEvent }
  /// `HostEvent.rawValue`; one that the device does not know is ignored.
  public var event: UInt32

  public init(event: UInt32) { self.event = event }
  public func encode(into payload: inout PayloadWriter) { payload.put(event) }
  public init(fields payload: inout PayloadReader) throws(MessageError) { event = try payload.u32() }
}

/// 3: asks a device for its counters; answered by `DeviceCounters`.
public struct QueryDeviceCounters: EmptyMessage, Equatable {
  public static var request: Request { .queryDeviceCounters }
  public init() {}
}

// MARK: device → supervisor

/// 16: the device serves its rings from now on, and its sandbox is complete.
public struct DeviceReady: EmptyMessage, Equatable {
  public static var request: Request { .deviceReady }
  public init() {}
}

/// 17: the device asks something of the machine; may be repeated by a new incarnation.
public struct MachineEventMessage: Message, Equatable {
  public static var request: Request { .machineEvent }
  /// `MachineEvent.rawValue`, 1...3.
  public var event: UInt32

  public init(event: UInt32) { self.event = event }
  public func encode(into payload: inout PayloadWriter) { payload.put(event) }
  public init(fields payload: inout PayloadReader) throws(MessageError) { event = try payload.u32() }
  public func check() throws(MessageError) {
    guard (1...3).contains(event) else { throw .impossible("the machine event does not exist") }
  }
}

/// 18: what this incarnation has done; each counts from 0 at its start.
public struct DeviceCounters: Message, Equatable {
  public static var request: Request { .deviceCounters }
  /// Accesses carried out.
  public var accesses: UInt64 = 0
  /// Interrupt pulses sent.
  public var interrupts: UInt64 = 0
  /// Accesses answered again from the state page.
  public var reexecuted: UInt64 = 0
  /// Accesses that were malformed and answered with all ones.
  public var refused: UInt64 = 0
  /// Bytes taken from the back-end.
  public var bytesIn: UInt64 = 0
  /// Bytes given to the back-end.
  public var bytesOut: UInt64 = 0
  /// Times the process slept because nothing was to do.
  public var sleeps: UInt64 = 0
  /// Times a waiting vCPU had to be woken.
  public var wakes: UInt64 = 0

  public init() {}
  public func encode(into payload: inout PayloadWriter) {
    for field in [accesses, interrupts, reexecuted, refused, bytesIn, bytesOut, sleeps, wakes] { payload.put(field) }
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    accesses = try payload.u64()
    interrupts = try payload.u64()
    reexecuted = try payload.u64()
    refused = try payload.u64()
    bytesIn = try payload.u64()
    bytesOut = try payload.u64()
    sleeps = try payload.u64()
    wakes = try payload.u64()
  }
}

/// 19: the device cannot go on and exits; why, in words.
public struct DeviceFailed: Message, Equatable {
  public static var request: Request { .deviceFailed }
  /// The process' exit status.
  public var code: UInt32
  /// One sentence, at most 200 bytes of printable ASCII.
  public var text: String

  /// Words beyond 200 bytes are cut off.
  public init(code: UInt32, text: String) { (self.code, self.text) = (code, text) }
  public static func == (a: DeviceFailed, b: DeviceFailed) -> Bool {
    // By bytes: comparing Strings asks for Unicode tables.
    a.code == b.code && a.text.utf8.elementsEqual(b.text.utf8)
  }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(code)
    payload.put(counted: Array(text.utf8.prefix(BusLimits.failureText)))
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    code = try payload.u32()
    text = try payload.text(limit: BusLimits.failureText)
  }
}
