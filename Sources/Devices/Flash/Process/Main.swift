import DeviceBus
import DeviceModel
import DeviceProcess
import FlashModel
import System

/// The flash that holds the firmware's variables.
@main struct Main {
  static func main() { DeviceProgram.run(FlashAttendant(), kind: "FLSH") }
}

/// Gives the model its content; there is nothing else to do.
struct FlashAttendant: Attendant, ~Copyable {
  typealias Model = FlashDevice<ContentFile>
  private var file: ContentFile?

  mutating func take(content: consuming FileDescriptor) throws(DeviceFailure) {
    do throws(SystemError) { file = try ContentFile(content) } catch { throw .system(error) }
  }

  mutating func begin<P: StoreProbe>(
    _ core: inout DeviceCore<Model, P>, backChannel: consuming Channel?, resumed: Bool
  ) throws(DeviceFailure) {
    core.model.store = file
  }
}
