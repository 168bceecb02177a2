import DeviceProcess
import FakeDevice

/// A device process around `TallyDevice`, for tests that kill it.
@main struct Main {
  static func main() { DeviceProgram.run(TallyDevice.self, kind: "TALY") }
}
