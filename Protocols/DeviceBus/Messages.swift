// Every message of the set-up sockets, in the order of their numbers. Field order is the wire order; layouts with offsets
// are in README.md. Deliberately absent: register accesses, interrupts and console bytes, which travel in shared memory.

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
}

private func check(version: UInt32) throws(MessageError) {
  guard version == BusLimits.version else { throw .unsupportedVersion(version) }
}
private func check(vcpus: UInt32) throws(MessageError) {
  guard vcpus >= 1, vcpus <= BusLimits.vcpus else { throw .impossible("the number of vCPUs is not 1 to 256") }
}
private func check(deviceIndex: UInt32) throws(MessageError) {
  guard deviceIndex < BusLimits.devices else { throw .impossible("the device index is not 0 to 15") }
}

// MARK: supervisor → device

/// 1: the first message to a device. Descriptors: ring segment, state page, wake eventfd, interrupt eventfd; with `console`
/// also console segment, console-wake eventfd (signals the terminal), console-kick eventfd (the terminal signals).
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
  public var descriptorCount: Int { console ? 7 : 4 }

  public init(deviceIndex: UInt32, vcpus: UInt32, incarnation: UInt32, resume: Bool, console: Bool = false) {
    (self.deviceIndex, self.vcpus, self.incarnation) = (deviceIndex, vcpus, incarnation)
    (self.resume, self.console) = (resume, console)
  }
  public func encode(into payload: inout PayloadWriter) {
    for field in [version, deviceIndex, vcpus, incarnation] { payload.put(field) }
    payload.put(resume)
    payload.put(console)
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    version = try payload.u32()
    deviceIndex = try payload.u32()
    vcpus = try payload.u32()
    incarnation = try payload.u32()
    resume = try payload.flag()
    console = try payload.flag()
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

// MARK: supervisor → VMM

/// 32: the first message to the VMM. Descriptor: the guest RAM memfd.
public struct MachineSetup: Message, Equatable {
  public static var request: Request { .machine }
  /// `BusLimits.version`.
  public var version = BusLimits.version
  /// 1...256.
  public var vcpus: UInt32
  /// Bytes of guest RAM, a multiple of 16 KiB.
  public var ramBytes: UInt64
  /// Which optional counters to keep; bit 0: none defined yet, all may be set.
  public var counterFlags: UInt32
  public var descriptorCount: Int { 1 }

  public init(vcpus: UInt32, ramBytes: UInt64, counterFlags: UInt32 = 0) {
    (self.vcpus, self.ramBytes, self.counterFlags) = (vcpus, ramBytes, counterFlags)
  }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(version)
    payload.put(vcpus)
    payload.put(ramBytes)
    payload.put(counterFlags)
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    version = try payload.u32()
    vcpus = try payload.u32()
    ramBytes = try payload.u64()
    counterFlags = try payload.u32()
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(version: version)
    try DeviceBus.check(vcpus: vcpus)
    guard ramBytes > 0, ramBytes % 16384 == 0, ramBytes <= 1 << 46 else {
      throw .impossible("guest RAM is not a positive multiple of 16 KiB")
    }
  }
}

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
/// Descriptors: ring segment, wake eventfd, interrupt eventfd.
public struct AttachDevice: Message, Equatable {
  public static var request: Request { .attachDevice }
  /// Which of the machine's devices.
  public var deviceIndex: UInt32
  /// As in `Attach`.
  public var incarnation: UInt32
  /// LS7A PCH-PIC pin of the interrupt eventfd, 0...63.
  public var pin: UInt32
  /// 1...8 regions.
  public var regions: [RegionWindow]
  public var descriptorCount: Int { 3 }

  public init(deviceIndex: UInt32, incarnation: UInt32, pin: UInt32, regions: [RegionWindow]) {
    (self.deviceIndex, self.incarnation, self.pin, self.regions) = (deviceIndex, incarnation, pin, regions)
  }
  public func encode(into payload: inout PayloadWriter) {
    for field in [deviceIndex, incarnation, pin, UInt32(truncatingIfNeeded: regions.count)] { payload.put(field) }
    for region in regions {
      payload.put(region.guestAddress)
      payload.put(region.size)
      payload.put(region.posted)
    }
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
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(deviceIndex: deviceIndex)
    guard incarnation >= 1 else { throw .impossible("incarnations count from 1") }
    guard pin < 64 else { throw .impossible("the interrupt pin is not 0 to 63") }
    for region in regions {
      let end = region.guestAddress.addingReportingOverflow(UInt64(region.size))
      guard region.size >= 1, !end.overflow else { throw .impossible("a region is empty or wraps") }
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

/// 48: the VMM has its memory and vCPUs, and its sandbox is complete.
public struct MachineReady: EmptyMessage, Equatable {
  public static var request: Request { .machineReady }
  public init() {}
}

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

/// 50: a vCPU cannot continue; the machine has stopped.
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
  /// Messages through the core on the data or interrupt path: stays 0.
  public var coreMessages: UInt64 = 0
  /// Accesses sent to each device, by device index.
  public var deviceAccesses = InlineArray<16, UInt64>(repeating: 0)

  public init() {}
  public func encode(into payload: inout PayloadWriter) {
    for field in [instructions, interrupts, exceptions, unimplemented, mmioExits, coreMessages] { payload.put(field) }
    for i in 0..<16 { payload.put(deviceAccesses[i]) }
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    instructions = try payload.u64()
    interrupts = try payload.u64()
    exceptions = try payload.u64()
    unimplemented = try payload.u64()
    mmioExits = try payload.u64()
    coreMessages = try payload.u64()
    for i in 0..<16 { deviceAccesses[i] = try payload.u64() }
  }
}

/// 52: the vCPUs stand still; the registers of vCPU 0.
public struct Paused: RegisterMessage, Equatable {
  public static var request: Request { .paused }
  public var report: RegisterReport
  public init(report: RegisterReport) { self.report = report }
}

// MARK: supervisor ↔ loader

/// How the guest learns about its hardware.
public enum FirmwareTables: UInt32, Sendable {
  case acpi = 0
  case deviceTree = 1
}

/// 64: the one job of a loader. Descriptors: guest RAM memfd, kernel, and with `hasInitrd` the initrd.
public struct Load: Message, Equatable {
  public static var request: Request { .load }
  /// Bytes of guest RAM.
  public var ramBytes: UInt64
  /// 1...256.
  public var vcpus: UInt32
  /// Which tables to build.
  public var tables: FirmwareTables
  /// A third descriptor holds the initrd.
  public var hasInitrd: Bool
  /// The kernel's command line without a final zero, at most 4096 bytes, none of them zero.
  public var commandLine: [UInt8]
  public var descriptorCount: Int { hasInitrd ? 3 : 2 }

  public init(ramBytes: UInt64, vcpus: UInt32, tables: FirmwareTables, hasInitrd: Bool, commandLine: [UInt8]) {
    (self.ramBytes, self.vcpus, self.tables) = (ramBytes, vcpus, tables)
    (self.hasInitrd, self.commandLine) = (hasInitrd, commandLine)
  }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(ramBytes)
    payload.put(vcpus)
    payload.put(tables.rawValue)
    payload.put(hasInitrd)
    payload.put(counted: commandLine)
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    ramBytes = try payload.u64()
    vcpus = try payload.u32()
    guard let kind = FirmwareTables(rawValue: try payload.u32()) else {
      throw .impossible("the kind of firmware tables does not exist")
    }
    tables = kind
    hasInitrd = try payload.flag()
    commandLine = try payload.counted(limit: BusLimits.commandLine)
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(vcpus: vcpus)
    guard ramBytes > 0, ramBytes <= 1 << 46 else { throw .impossible("the size of guest RAM is out of range") }
    guard commandLine.count <= BusLimits.commandLine, !commandLine.contains(0) else {
      throw .impossible("the command line is too long or holds a zero byte")
    }
  }
}

/// 80: the guest is in RAM; where it starts.
public struct Loaded: BootMessage, Equatable {
  public static var request: Request { .loaded }
  public var entry: BootEntry
  public init(entry: BootEntry) { self.entry = entry }
}

/// 81: the loader refuses; why, in words.
public struct LoadFailed: Message, Equatable {
  public static var request: Request { .loadFailed }
  /// One sentence, at most 200 bytes of printable ASCII.
  public var text: String

  /// Words beyond 200 bytes are cut off.
  public init(text: String) { self.text = text }
  public static func == (a: LoadFailed, b: LoadFailed) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(counted: Array(text.utf8.prefix(BusLimits.failureText)))
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    text = try payload.text(limit: BusLimits.failureText)
  }
}

// MARK: supervisor ↔ terminal

/// 96: the first message to the terminal. Descriptors: console segment, console-wake eventfd (it waits for it),
/// console-kick eventfd (it signals it). A repeat, after a new incarnation of the device, replaces both eventfds.
public struct AttachConsole: EmptyMessage, Equatable {
  public static var request: Request { .attachConsole }
  public var descriptorCount: Int { 3 }
  public init() {}
}

/// 97: write out what the guest has said, restore the terminal, exit with status 0.
public struct Finish: EmptyMessage, Equatable {
  public static var request: Request { .finish }
  public init() {}
}

/// 112: the terminal serves the console from now on.
public struct TerminalReady: EmptyMessage, Equatable {
  public static var request: Request { .terminalReady }
  public init() {}
}

/// 113: the person typed Ctrl-A x: end the machine.
public struct Quit: EmptyMessage, Equatable {
  public static var request: Request { .quit }
  public init() {}
}

/// 114: standard input has ended and all of it has been delivered.
public struct InputClosed: EmptyMessage, Equatable {
  public static var request: Request { .inputClosed }
  public init() {}
}

/// 115: the device broke the console ring's rules; its process is to be ended.
public struct ConsoleFault: EmptyMessage, Equatable {
  public static var request: Request { .consoleFault }
  public init() {}
}
