// The start of the VMM: what machine it is to be, and whether it is one.

/// What is to run the vCPUs, as `MachineSetup` asks for it.
public enum HypervisorDemand: UInt32, Sendable, CaseIterable {
  /// The software CPU.
  case soft = 0
  /// KVM, or the software CPU where it cannot.
  case kvmPreferred = 1
  /// KVM, or no machine.
  case kvmRequired = 2
}

/// What runs the vCPUs, as `MachineReady` tells it.
public enum HypervisorKind: UInt32, Sendable, CaseIterable {
  /// The software CPU.
  case soft = 0
  /// The host kernel's KVM.
  case kvm = 1
}

/// 32: the first message to the VMM. Descriptors: the guest RAM memfd; with `romBytes` a sealed memfd with the boot ROM; unless
/// `hypervisor` is soft an open /dev/kvm.
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
  /// Bytes of the boot ROM, a multiple of 16 KiB up to 16 MiB; 0 for a machine without firmware.
  public var romBytes: UInt64
  /// What is to run the vCPUs.
  public var hypervisor: HypervisorDemand
  public var descriptorCount: Int { 1 + (romBytes > 0 ? 1 : 0) + (hypervisor == .soft ? 0 : 1) }

  public init(
    vcpus: UInt32, ramBytes: UInt64, counterFlags: UInt32 = 0, romBytes: UInt64 = 0,
    hypervisor: HypervisorDemand = .soft
  ) {
    (self.vcpus, self.ramBytes, self.counterFlags) = (vcpus, ramBytes, counterFlags)
    (self.romBytes, self.hypervisor) = (romBytes, hypervisor)
  }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(version)
    payload.put(vcpus)
    payload.put(ramBytes)
    payload.put(counterFlags)
    payload.put(romBytes)
    payload.put(hypervisor.rawValue)
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    version = try payload.u32()
    vcpus = try payload.u32()
    ramBytes = try payload.u64()
    counterFlags = try payload.u32()
    romBytes = try payload.u64()
    guard let demand = HypervisorDemand(rawValue: try payload.u32()) else {
      throw .impossible("the hypervisor is none of soft, preferred KVM and required KVM")
    }
    hypervisor = demand
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(version: version)
    try DeviceBus.check(vcpus: vcpus)
    guard ramBytes > 0, ramBytes % 16384 == 0, ramBytes <= 1 << 46 else {
      throw .impossible("guest RAM is not a positive multiple of 16 KiB")
    }
    guard romBytes % 16384 == 0, romBytes <= 16 << 20 else {
      throw .impossible("the boot ROM is not a multiple of 16 KiB up to 16 MiB")
    }
  }
}

/// 48: the VMM has its memory and vCPUs, and its sandbox is complete.
public struct MachineReady: Message, Equatable {
  public static var request: Request { .machineReady }
  /// What runs the vCPUs.
  public var hypervisor: HypervisorKind
  /// Why the software does although KVM was preferred, at most 200 bytes of printable ASCII; else empty.
  public var reason: String

  public init(_ hypervisor: HypervisorKind = .soft, reason: String = "") {
    (self.hypervisor, self.reason) = (hypervisor, reason)
  }
  public static func == (a: MachineReady, b: MachineReady) -> Bool {
    a.hypervisor == b.hypervisor && a.reason.utf8.elementsEqual(b.reason.utf8)
  }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(hypervisor.rawValue)
    payload.put(counted: Array(reason.utf8.prefix(BusLimits.failureText)))
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    guard let kind = HypervisorKind(rawValue: try payload.u32()) else {
      throw .impossible("the hypervisor is neither soft nor KVM")
    }
    hypervisor = kind
    reason = try payload.text(limit: BusLimits.failureText)
  }
}

/// 53: there can be no machine: the required hypervisor cannot be had. The VMM ends.
public struct MachineFailed: Message, Equatable {
  public static var request: Request { .machineFailed }
  /// One sentence, at most 200 bytes of printable ASCII.
  public var text: String

  /// Words beyond 200 bytes are cut off.
  public init(text: String) { self.text = text }
  public static func == (a: MachineFailed, b: MachineFailed) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(counted: Array(text.utf8.prefix(BusLimits.failureText)))
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    text = try payload.text(limit: BusLimits.failureText)
  }
}
