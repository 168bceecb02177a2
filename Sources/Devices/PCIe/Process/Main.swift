import DeviceProcess
import System

/// The PCIe host: configuration space and virtio-pci on one side, vhost-user to the back-ends' processes on the other.
@main struct Main {
  static func main() {
    do throws(SystemError) {
      DeviceProgram.run(try PCIeAttendant(), kind: "PCIE")
    } catch {
      Log.line("atoll-pcie: \(error.sentence)")
      Process.exit(65)
    }
  }
}
