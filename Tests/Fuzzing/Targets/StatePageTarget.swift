// The state page as a new incarnation finds it. Protocols/DeviceBus/README.md, "State page".

import DeviceBus
import DeviceModel
import FuzzSupport
import SerialModel
import System

/// Publishes a serial device's state, lets the input scribble over the page, and takes over from it.
///
/// Promises: the page is refused, or the model in it is refused, or a device comes up; what is then published is found again.
enum StatePageTarget {
  private static let identity = StateIdentity(
    kind: 0x7473_6574, deviceIndex: 1, vcpus: 2, stateSize: UInt32(SerialDevice.stateSize))
  private static let now = Instant(monotonic: 0, realtime: 0)

  static func run(_ input: [UInt8]) -> String? {
    var source = ByteSource(input)
    let size = StatePage.size(vcpus: Int(identity.vcpus))
    guard let file = try? MemoryFile.create("fuzz-state", size: size), let view = try? Mapping.shared(file, size: size)
    else { return nil }
    if source.byte() & 1 == 0, !publishCold(file, size) { return "a fresh page cannot be published" }
    while !source.isEmpty {
      let place = Int(source.integer(UInt16.self)) % size
      view.base.storeBytes(of: source.byte(), toByteOffset: place, as: UInt8.self)
    }
    return takeOver(file, size)
  }

  private static func publishCold(_ file: borrowing FileDescriptor, _ size: Int) -> Bool {
    guard let mapping = try? Mapping.shared(file, size: size) else { return false }
    var page = StatePage(cold: mapping, identity: identity, applied: [5, 9], backEnd: BackEndState())
    save(SerialDevice(at: now), into: page)
    page.publish(BackEndState(), vcpu: 1, entry: RingEntry(sequence: 10, reply: 0x61))
    return true
  }

  private static func save(_ device: SerialDevice, into page: borrowing StatePage) {
    var bytes = page.draft().mutableBytes
    device.save(into: &bytes)
  }

  private static func takeOver(_ file: borrowing FileDescriptor, _ size: Int) -> String? {
    guard let mapping = try? Mapping.shared(file, size: size),
      var page = try? StatePage(resuming: mapping, identity: identity)
    else { return nil }
    let state = page.modelState()
    guard page.applied().count == 2, state.count == SerialDevice.stateSize else { return "the page has another shape" }
    guard let device = try? SerialDevice(restoring: state.span.bytes, at: now) else { return nil }
    save(device, into: page)
    let entry = RingEntry(sequence: page.entry(0).sequence &+ 1, reply: 7)
    page.publish(page.backEnd, vcpu: 0, entry: entry)
    guard page.modelState() == state, page.entry(0) == entry else { return "what was published is not found again" }
    guard let again = try? Mapping.shared(file, size: size),
      let next = try? StatePage(resuming: again, identity: identity)
    else { return "a page that was just published is refused" }
    return next.modelState() == state && next.entry(0) == entry ? nil : "a successor finds another state"
  }
}
