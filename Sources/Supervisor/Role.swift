import Control
import Machine
import Sandbox
import System

/// What a child process is there for.
enum Role: Sendable {
  case vmm
  case loader
  case terminal
  case device(DeviceKind)
  case backEnd(BackEnd)

  /// The back-end of a virtio function.
  struct BackEnd: Sendable {
    /// Index in `Supervisor.functions`.
    let index: Int
    /// The name that people use.
    let name: String
    let description: DeviceDescription
  }

  /// Every role of a machine, in the order in which processes are started and shown. A back-end that somebody else runs
  /// is no process of ours.
  static func all(_ machine: MachineDescription) -> [Role] {
    let names = machine.deviceNames
    let backEnds = machine.devices.indices.map { BackEnd(index: $0, name: names[$0], description: machine.devices[$0]) }
    return [.vmm, .loader, .terminal]
      + DeviceKind.allCases.filter { machine.firmware != nil || !$0.isFirmware }.map { .device($0) }
      + backEnds.filter { $0.isOurs }.map { .backEnd($0) }
  }

  /// The name that people use.
  var name: String {
    switch self {
    case .vmm: "vmm"
    case .loader: "loader"
    case .terminal: "terminal"
    case .device(let kind): MachineMap.device(kind).name.text
    case .backEnd(let backEnd): backEnd.name
    }
  }

  /// The file name of one of Atoll's programs; nil for a foreign one.
  var program: String? {
    switch self {
    case .backEnd(let backEnd): backEnd.foreign == nil ? "atoll-\(backEnd.description.stem)" : nil
    default: "atoll-\(name)"
    }
  }

  /// What confines it.
  var profile: Profile {
    switch self {
    case .vmm: .vmm
    case .loader: .loader
    case .terminal: .terminal
    case .device(.serial): .serial
    case .device(.rtc): .rtc
    case .device(.power): .power
    case .device(.pcie): .pcie
    case .device(.flash): .flash
    case .device(.fwcfg): .firmwareConfig
    case .backEnd(let backEnd): backEnd.profile
    }
  }

  /// The device kind of a device.
  var device: DeviceKind? {
    if case .device(let kind) = self { return kind }
    return nil
  }

  /// The back-end, if it is one.
  var backEnd: BackEnd? {
    if case .backEnd(let backEnd) = self { return backEnd }
    return nil
  }
}

extension Role.BackEnd {
  /// The supervisor starts it.
  var isOurs: Bool {
    if case .foreign(let foreign) = description.kind, case .socket = foreign.backEnd { return false }
    return true
  }

  /// The program that is not Atoll's.
  var foreign: ForeignProgram? {
    if case .foreign(let foreign) = description.kind, case .program(let program) = foreign.backEnd { return program }
    return nil
  }

  /// Whether it is a disk that a program serves which is not Atoll's.
  var isForeignDisk: Bool { foreign != nil && description.deviceID == VirtioDevice.block.rawValue }

  /// What confines it.
  var profile: Profile {
    switch description.kind {
    case .block: .block
    case .net(let net):
      if case .user = net.mode { .netUser } else { .net }
    case .rng: .rng
    case .console: .console
    case .vsock: .vsock
    case .foreign:
      .foreign(hostNetwork: foreign?.hostNetwork ?? false, confinesItself: foreign?.confinesItself ?? false)
    }
  }
}

extension DeviceKind {
  /// Only a machine with firmware has it.
  var isFirmware: Bool { self == .flash || self == .fwcfg }
}
