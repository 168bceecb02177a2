import Control
import DeviceBus
import Machine
import System

/// The shared memory of one machine from power-on to power-off or reset. It outlives every process that maps it.
final class MachineMemory {
  /// Guest RAM: for the VMM and the loader only.
  let ram: FileDescriptor
  /// By `DeviceKind`.
  let devices: [DeviceMemory]

  /// What a device's incarnations hand on to each other.
  final class DeviceMemory {
    let rings: FileDescriptor
    let state: FileDescriptor

    init(_ kind: DeviceKind, vcpus: Int) throws(SystemError) {
      let stateSize = kind == .pcie ? BusLimits.hostStateSize : BusLimits.modelStateSize
      rings = try MemoryFile.create("atoll-rings", size: AccessRing.segmentSize(vcpus: vcpus))
      state = try MemoryFile.create("atoll-state", size: StatePage.size(vcpus: vcpus, stateSize: stateSize))
    }
  }

  /// Fresh memory, all zero; guest RAM takes host memory as the guest touches it.
  init(_ machine: MachineDescription) throws(SystemError) {
    ram = try MemoryFile.create("atoll-ram", size: Int(machine.memory))
    devices = try DeviceKind.allCases.map { (kind) throws(SystemError) in
      try DeviceMemory(kind, vcpus: machine.vcpus)
    }
  }
}

/// The byte stream between the serial device and the terminal. It outlives resets, so that the console goes on.
final class ConsoleLink {
  let segment: FileDescriptor
  /// Signals the terminal.
  let wake: EventCounter
  /// The terminal signals.
  let kick: EventCounter

  init() throws(SystemError) {
    segment = try MemoryFile.create("atoll-console", size: ConsoleSegment.size)
    wake = try EventCounter()
    kick = try EventCounter()
  }

  /// In the order in which messages carry them.
  var descriptors: [Int32] { [segment.raw, wake.descriptor.raw, kick.descriptor.raw] }
}
