import DeviceBus
import System

/// A device process as the core knows it.
final class AttachedDevice: @unchecked Sendable {
  /// Ring segment, wake-ups, disposition.
  let link: DeviceLink
  /// PCH-PIC pin of its interrupt.
  let pin: UInt32
  /// The eventfd bound to the pin; only the control thread touches it.
  var interrupt: FileDescriptor

  init(link: DeviceLink, pin: UInt32, interrupt: consuming FileDescriptor) {
    self.link = link
    self.pin = pin
    self.interrupt = interrupt
  }
}
