import Machine
import Sandbox

/// What a child process is there for.
enum Role: Sendable {
  case vmm
  case loader
  case terminal
  case device(DeviceKind)

  /// Every role of a machine, in the order in which they are shown.
  static var allCases: [Role] { [.vmm, .loader, .terminal] + DeviceKind.allCases.map { .device($0) } }

  /// The name that people use.
  var name: StaticString {
    switch self {
    case .vmm: "vmm"
    case .loader: "loader"
    case .terminal: "terminal"
    case .device(let kind): MachineMap.device(kind).name
    }
  }

  /// The program's file name.
  var program: String { "atoll-\(name)" }

  /// What confines it.
  var profile: Profile {
    switch self {
    case .vmm: .vmm
    case .loader: .loader
    case .terminal: .terminal
    case .device(.serial): .serial
    case .device(.rtc): .rtc
    case .device(.power): .power
    }
  }

  /// The device kind of a device.
  var device: DeviceKind? {
    if case .device(let kind) = self { return kind }
    return nil
  }
}
