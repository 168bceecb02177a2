import DeviceBus
import ProcessSupport
import System

/// A device process with an access ring, started as the supervisor starts one, and its interrupt's eventfd.
public final class RingDevice {
  /// Its ring, for a `RingFrontEnd`.
  public let link: DeviceLink
  /// What it signals to interrupt.
  public let interrupt: EventCounter
  private let channel: Channel
  private let child: Child

  /// Starts `program`, a path or a name in this program's own folder, and waits until it is ready.
  public init(_ program: String) throws {
    let ring = try MemoryFile.create("ring", size: AccessRing.segmentSize(vcpus: 1))
    let page = try MemoryFile.create("page", size: StatePage.size(vcpus: 1))
    let wake = try EventCounter()
    let control = try EventCounter()
    interrupt = try EventCounter()
    let ends = try MessageSocket.pair()
    channel = Channel(owning: FileDescriptor(owning: ends.0))
    let other = FileDescriptor(owning: ends.1)
    let descriptors = [-1, -1, -1, other.raw]
    child =
      program.hasPrefix("/")
      ? try Child(path: program, arguments: [], descriptors: descriptors) : try Child(program, descriptors: descriptors)
    try channel.send(
      Attach(deviceIndex: 0, vcpus: 1, incarnation: 1, resume: false),
      descriptors: [ring.raw, page.raw, wake.descriptor.raw, interrupt.descriptor.raw])
    guard let first = try channel.receive() else { throw SystemError("start of a device", Errno.pipe) }
    if first.request != .deviceReady { throw RingDeviceFailure(sentence: try first.decode(DeviceFailed.self).text) }
    link = try DeviceLink(
      segment: ring, vcpus: 1, wake: try wake.descriptor.duplicate(), control: try control.descriptor.duplicate())
  }

  deinit { link.stop() }
}

/// Why a device did not start, as it says itself.
public struct RingDeviceFailure: Error {
  /// As it came.
  public let sentence: String
}
