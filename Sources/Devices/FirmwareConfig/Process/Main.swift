import CSystem
import DeviceBus
import DeviceModel
import DeviceProcess
import FirmwareConfigModel
import System

/// The firmware configuration interface.
@main struct Main {
  static func main() { DeviceProgram.run(ConfigurationAttendant(), kind: "FWCF") }
}

/// Gives the model its items; there is nothing else to do.
struct ConfigurationAttendant: Attendant, ~Copyable {
  typealias Model = FirmwareConfigDevice
  /// Bytes of the largest file; what a machine needs is some 20 KiB.
  private static let limit = 1 << 20
  private var items = Items()

  mutating func take(content: consuming FileDescriptor) throws(DeviceFailure) {
    do throws(ItemError) { items = try Items(file: try Self.read(content)) } catch {
      throw .state(.impossible(error.sentence))
    }
  }

  private static func read(_ file: borrowing FileDescriptor) throws(ItemError) -> [UInt8] {
    guard let size = try? file.fileSize(), size <= limit else { throw .outOfRange }
    var bytes = [UInt8](repeating: 0, count: size)
    var done = 0
    while done < size {
      let got = unsafe bytes.withUnsafeMutableBytes { (buffer) -> Int in
        unsafe atoll_pread(file.raw, buffer.baseAddress.map { unsafe $0 + done }, UInt(size - done), done)
      }
      guard got > 0 else { throw .outOfRange }
      done += got
    }
    return bytes
  }

  mutating func begin<P: StoreProbe>(
    _ core: inout DeviceCore<Model, P>, backChannel: consuming Channel?, resumed: Bool
  ) throws(DeviceFailure) {
    core.model.items = items
  }
}
