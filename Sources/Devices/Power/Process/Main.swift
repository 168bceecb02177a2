import DeviceProcess
import PowerModel

/// Power management: ACPI event device, fixed hardware, hotplug registers. Reads its timer, so that each access gets its
/// own time.
@main struct Main {
  static func main() { DeviceProgram.run(PowerDevice.self, kind: "POWR", clockPerAccess: true) }
}
