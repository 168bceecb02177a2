import DeviceBus
import Hypervisor
import System

/// A device process as the core knows it.
final class AttachedDevice: @unchecked Sendable {
  /// Ring segment, wake-ups, disposition.
  let link: DeviceLink
  /// What the machine description says of it: regions, vectors, pin. A new incarnation has the same.
  let description: AttachDevice
  /// The eventfd bound to its pin, or nil with a back-channel; only the control thread touches it.
  private var interrupt: FileDescriptor?
  /// The back-channel of its incarnation, if it has one; only the control thread touches it.
  private(set) var backChannel: BackChannel?

  init(_ description: AttachDevice, link: DeviceLink) {
    self.description = description
    self.link = link
  }

  /// Lets an incarnation raise interrupts: `descriptor` is its eventfd or its end of a back-channel, as the description says,
  /// or, for a device without interrupts, something to close.
  /// What its predecessor had bound is unbound first.
  func connect<H: Hypervisor>(_ descriptor: consuming FileDescriptor, _ hypervisor: H) throws(HypervisorError) {
    disconnect(hypervisor)
    guard !description.backChannel else {
      let first = description.firstVector
      backChannel = BackChannel(
        Channel(owning: descriptor), windows: description.regions, vectors: first..<first + description.vectorCount)
      return
    }
    guard description.pin != AttachDevice.noPin else { return }
    try hypervisor.bindInterrupt(descriptor.raw, pin: description.pin)
    interrupt = consume descriptor
  }

  /// Ends every interrupt and doorbell of the incarnation.
  func disconnect<H: Hypervisor>(_ hypervisor: H) {
    backChannel?.unbindAll(hypervisor)
    backChannel = nil
    if let bound = interrupt.take() { hypervisor.unbindInterrupt(bound.raw, pin: description.pin) }
  }
}
