import DeviceProcess
import SerialModel

/// The console: a 16550 UART and the debug console, joined to the terminal by a console segment.
@main struct Main {
  static func main() { DeviceProgram.run(SerialDevice.self, kind: "UART") }
}
