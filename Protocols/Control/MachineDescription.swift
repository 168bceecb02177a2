import Machine

/// What the guest learns its hardware from.
public enum TablesChoice: UInt8, Sendable, CaseIterable {
  /// ACPI tables behind an EFI system table.
  case acpi = 0
  /// A flattened device tree.
  case fdt = 1

  /// The word in a description.
  public var word: StaticString {
    switch self {
    case .acpi: "acpi"
    case .fdt: "fdt"
    }
  }
}

/// What runs the guest's CPUs.
public enum HypervisorChoice: UInt8, Sendable, CaseIterable {
  /// The best that this host has.
  case auto = 0
  /// The software CPU.
  case soft = 1
  /// The host kernel's KVM.
  case kvm = 2

  /// The word in a description.
  public var word: StaticString {
    switch self {
    case .auto: "auto"
    case .soft: "soft"
    case .kvm: "kvm"
    }
  }
}

/// A machine, as its JSON document says it. The schema is machine.schema.json beside this file.
public struct MachineDescription: Sendable {
  /// Name of the machine and of its control socket: 1 to 64 of `A-Z a-z 0-9 . _ -`, not starting with a dot.
  public var name = "guest"
  /// vCPUs.
  public var vcpus = 1
  /// Guest RAM in bytes.
  public var memory: UInt64 = 1 << 30
  /// Path of the kernel.
  public var kernel = ""
  /// Path of the initial RAM disk, if any.
  public var initrd: String?
  /// Kernel command line.
  public var commandLine = "console=ttyS0"
  /// What describes the hardware to the guest.
  public var tables = TablesChoice.acpi
  /// What runs the vCPUs.
  public var hypervisor = HypervisorChoice.auto
  /// Folder of Atoll's programs; nil: the folder of the running supervisor.
  public var programs: String?
  /// virtio functions, at most 16; the first has PCI device number 1.
  public var devices: [DeviceDescription] = []
  /// Firmware that the guest starts with instead of a kernel.
  public var firmware: FirmwareDescription?

  /// A description with the defaults; it lacks a kernel.
  public init() {}
}

/// UEFI in flash memory.
public struct FirmwareDescription: Sendable {
  /// Path of the image of the code.
  public var code: String
  /// Path of the image of its variables, which the guest changes; nil: they are forgotten when the machine ends.
  public var variables: String?

  /// Firmware whose variables are forgotten.
  public init(code: String, variables: String? = nil) { (self.code, self.variables) = (code, variables) }
}

/// Why a machine description is refused; `sentence` says it in words.
public enum MachineDescriptionError: Error, Sendable {
  /// The text is not JSON.
  case notJSON(JSONError)
  /// The text is JSON but not an object.
  case notAnObject
  /// A member that no description has.
  case unknownMember(String)
  /// A member of another type than it must have.
  case wrongType(StaticString, needs: StaticString)
  /// A word that is not among the choices.
  case unknownWord(StaticString, String, choices: StaticString)
  /// No kernel is named.
  case noKernel
  /// The machine's name cannot name a socket.
  case badName
  /// A number or length that no machine can have.
  case limit(MachineLimitError)
  /// More devices than the bus has room for.
  case tooManyDevices(Int)
  /// What is wrong with a device; they count from 1.
  case device(Int, DeviceDescriptionError)

  /// One sentence for a person.
  public var sentence: String {
    switch self {
    case .notJSON(let error): "the machine description is \(error.sentence)"
    case .notAnObject: "the machine description must be a JSON object"
    case .unknownMember(let key): "the machine description has no member called \"\(printable(key))\""
    case .wrongType(let key, let needs): "\"\(key.ascii)\" in the machine description must be \(needs.ascii)"
    case .unknownWord(let key, let word, let choices):
      "\"\(key.ascii)\" in the machine description must be \(choices.ascii), not \"\(printable(word))\""
    case .noKernel: "the machine description names no kernel"
    case .badName: "a machine's name is 1 to 64 letters, digits, '.', '_' or '-', and does not start with a dot"
    case .limit(let error): error.sentence
    case .tooManyDevices(let count): "a machine has at most 16 devices on its PCI bus, not \(count)"
    case .device(let number, let error): "device \(number) of the machine description: \(error.sentence)"
    }
  }
}

extension StaticString {
  /// The same characters as a String.
  var ascii: String {
    String(decoding: UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount), as: UTF8.self)
  }
}

/// At most 80 bytes of a text that came from outside, with a dot for everything that is not printable ASCII.
public func printable(_ text: String) -> String {
  String(decoding: text.utf8.prefix(80).map { $0 >= 0x20 && $0 < 0x7f ? $0 : 0x2e }, as: UTF8.self)
}
