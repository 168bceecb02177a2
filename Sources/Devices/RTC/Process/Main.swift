import DeviceProcess
import RTCModel

/// The LS7A's clocks. A guest reads them back to back, so that each access gets its own time.
@main struct Main {
  static func main() { DeviceProgram.run(RTCDevice.self, kind: "LRTC", clockPerAccess: true) }
}
