// Payloads that more than one message has.

/// A message whose number says it all.
public protocol EmptyMessage: Message {
  init()
}

extension EmptyMessage {
  public func encode(into payload: inout PayloadWriter) {}
  public init(fields payload: inout PayloadReader) throws(MessageError) { self.init() }
}

/// A message about one of the machine's devices.
public protocol DeviceIndexMessage: Message {
  /// 0...15.
  var deviceIndex: UInt32 { get }
  init(deviceIndex: UInt32)
}

extension DeviceIndexMessage {
  public func encode(into payload: inout PayloadWriter) { payload.put(deviceIndex) }
  public init(fields payload: inout PayloadReader) throws(MessageError) { self.init(deviceIndex: try payload.u32()) }
  public func check() throws(MessageError) {
    guard deviceIndex < BusLimits.devices else { throw .impossible("the device index is not 0 to 15") }
  }
}

/// Where a guest starts.
public struct BootEntry: Sendable, Equatable {
  /// The first instruction of vCPU 0.
  public var pc: UInt64
  /// What vCPU 0 finds in r4, r5 and r6.
  public var a0, a1, a2: UInt64
  /// Where the other vCPUs wait for their start.
  public var parkAddress: UInt64

  public init(pc: UInt64, a0: UInt64, a1: UInt64, a2: UInt64, parkAddress: UInt64) {
    (self.pc, self.a0, self.a1, self.a2, self.parkAddress) = (pc, a0, a1, a2, parkAddress)
  }
}

/// A message that carries a `BootEntry`.
public protocol BootMessage: Message {
  /// Where the guest starts; the guest's matter alone, so that any value is valid.
  var entry: BootEntry { get }
  init(entry: BootEntry)
}

extension BootMessage {
  public func encode(into payload: inout PayloadWriter) {
    for field in [entry.pc, entry.a0, entry.a1, entry.a2, entry.parkAddress] { payload.put(field) }
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    let pc = try payload.u64()
    let a0 = try payload.u64()
    let a1 = try payload.u64()
    let a2 = try payload.u64()
    self.init(entry: BootEntry(pc: pc, a0: a0, a1: a1, a2: a2, parkAddress: try payload.u64()))
  }
}

/// The registers of one vCPU, for a report to a person.
public struct RegisterReport: Sendable, Equatable {
  /// Which vCPU.
  public var vcpu: UInt32 = 0
  /// `VCPUFailure.rawValue`, 0 if it did not fail.
  public var code: UInt32 = 0
  /// The instruction it stands at.
  public var pc: UInt64 = 0
  /// r0–r31.
  public var gpr = InlineArray<32, UInt64>(repeating: 0)
  /// Control and status registers of the same names.
  public var crmd, prmd, estat, era, badv, eentry: UInt64

  public init() { (crmd, prmd, estat, era, badv, eentry) = (0, 0, 0, 0, 0, 0) }

  public static func == (a: RegisterReport, b: RegisterReport) -> Bool { a.fields == b.fields }

  var fields: [UInt64] {
    var all = [UInt64(vcpu), UInt64(code), pc]
    for i in 0..<32 { all.append(gpr[i]) }
    return all + [crmd, prmd, estat, era, badv, eentry]
  }
}

/// A message that carries a `RegisterReport`.
public protocol RegisterMessage: Message {
  /// The registers.
  var report: RegisterReport { get }
  init(report: RegisterReport)
}

extension RegisterMessage {
  public func encode(into payload: inout PayloadWriter) {
    payload.put(report.vcpu)
    payload.put(report.code)
    for field in report.fields.dropFirst(2) { payload.put(field) }
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    var report = RegisterReport()
    report.vcpu = try payload.u32()
    report.code = try payload.u32()
    report.pc = try payload.u64()
    for i in 0..<32 { report.gpr[i] = try payload.u64() }
    report.crmd = try payload.u64()
    report.prmd = try payload.u64()
    report.estat = try payload.u64()
    report.era = try payload.u64()
    report.badv = try payload.u64()
    report.eentry = try payload.u64()
    self.init(report: report)
  }
  public func check() throws(MessageError) {
    guard report.vcpu < BusLimits.vcpus else { throw .impossible("the vCPU number is not 0 to 255") }
  }
}
