import CSystem
import DeviceBus
import ProcessSupport
import System

/// Starts incarnations of a device with content as the supervisor does, and drives its one ring.
final class ContentKeeper {
  private let program: String
  private let content: FileDescriptor
  private let ring: FileDescriptor
  private let page: FileDescriptor
  private let link: DeviceLink
  private var child: Child?
  private var channel: ChannelBox?
  private var incarnation: UInt32 = 0

  private final class ChannelBox {
    let channel: Channel
    init(_ channel: consuming Channel) { self.channel = channel }
  }

  /// The first incarnation, ready.
  init(_ program: String, content: consuming FileDescriptor) throws {
    self.program = program
    self.content = content
    let ring = try MemoryFile.create("ring", size: AccessRing.segmentSize(vcpus: 1))
    page = try MemoryFile.create("page", size: StatePage.size(vcpus: 1))
    let control = try EventCounter()
    link = try DeviceLink(
      segment: ring, vcpus: 1, wake: try EventCounter().descriptor.duplicate(),
      control: try control.descriptor.duplicate())
    self.ring = ring
    try start()
  }

  /// The guest's end; one for the life of the device.
  func frontEnd() -> DeviceLink { link }

  /// Kills the process and starts its successor; accesses wait meanwhile.
  func restart() throws {
    child?.kill(9)
    _ = child?.wait()
    link.detach()
    try start()
  }

  private func start() throws {
    let wake = try EventCounter()
    let interrupt = try EventCounter()
    incarnation += 1
    let ends = try MessageSocket.pair()
    let supervisor = ChannelBox(Channel(owning: FileDescriptor(owning: ends.0)))
    let device = FileDescriptor(owning: ends.1)
    try supervisor.channel.send(
      Attach(deviceIndex: 4, vcpus: 1, incarnation: incarnation, resume: incarnation > 1, content: true),
      descriptors: [ring.raw, page.raw, wake.descriptor.raw, interrupt.descriptor.raw, content.raw])
    child = try Child(program, descriptors: [-1, -1, -1, device.raw])
    channel = supervisor
    _ = device.release().closed
    guard let first = try supervisor.channel.receive() else { throw MessageError.truncated }
    _ = try first.decode(DeviceReady.self)
    try link.reattach(wake: try wake.descriptor.duplicate())
  }
}

extension Int32 {
  fileprivate var closed: Void { _ = atoll_close(self) }
}
