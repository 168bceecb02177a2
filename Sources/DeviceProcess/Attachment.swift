import DeviceBus
import DeviceModel
import System

/// What a device process got with its first message.
struct Attachment: ~Copyable {
  let setup: Attach
  let segment: Mapping
  let page: Mapping
  /// Memory of its own if there is no console: then `console` of `setup` is false and nothing looks at it.
  let console: Mapping
  let wake: EventCounter
  /// Descriptor -1 with a back-channel: then a signal goes nowhere.
  let interrupt: EventCounter
  /// The socket to the VMM of a device that binds its own doorbells and interrupts.
  private var backChannel: Channel?
  /// What the device serves, if that is in a file.
  private var content: FileDescriptor?
  /// Descriptor -1 if there is no console: a signal goes nowhere, poll(2) ignores it.
  let terminal: EventCounter
  let kick: EventCounter

  /// Takes the first message: maps its memory and closes what is not needed any more. The page has room for `stateSize`
  /// bytes of the model.
  init(_ message: inout Incoming, stateSize: Int) throws(DeviceFailure) {
    let setup: Attach
    do throws(MessageError) { setup = try message.decode(Attach.self) } catch { throw .message(error) }
    let vcpus = Int(setup.vcpus)
    let segment = try Attachment.map(&message, 0, size: AccessRing.segmentSize(vcpus: vcpus))
    let page = try Attachment.map(&message, 1, size: StatePage.size(vcpus: vcpus, stateSize: stateSize))
    let wake = try Attachment.eventfd(&message, 2)
    let third = try Attachment.take(&message, 3)
    let console = try Attachment.console(&message, setup)
    let terminal =
      setup.console ? try Attachment.eventfd(&message, 5) : EventCounter(owning: FileDescriptor(owning: -1))
    let kick = setup.console ? try Attachment.eventfd(&message, 6) : EventCounter(owning: FileDescriptor(owning: -1))
    content = setup.content ? try Attachment.take(&message, setup.descriptorCount - 1) : nil
    self.setup = setup
    self.segment = segment
    self.page = page
    self.console = console
    self.wake = wake
    if setup.backChannel {
      interrupt = EventCounter(owning: FileDescriptor(owning: -1))
      backChannel = Channel(owning: third)
    } else {
      interrupt = EventCounter(owning: third)
      backChannel = nil
    }
    self.terminal = terminal
    self.kick = kick
  }

  /// Gives the file with the content away.
  mutating func takeContent() -> FileDescriptor? { content.take() }

  /// Gives the back-channel away.
  mutating func takeBackChannel() -> Channel? { backChannel.take() }

  private static func console(_ message: inout Incoming, _ setup: Attach) throws(DeviceFailure) -> Mapping {
    if setup.console { return try map(&message, 4, size: ConsoleSegment.size) }
    do throws(SystemError) { return try Mapping.anonymous(size: ConsoleSegment.size) } catch { throw .system(error) }
  }

  private static func map(_ message: inout Incoming, _ index: Int, size: Int) throws(DeviceFailure) -> Mapping {
    let descriptor = try take(&message, index)
    do throws(SystemError) {
      try MemoryFile.requireSealed(descriptor, size: size)
      return try Mapping.shared(descriptor, size: size)
    } catch { throw .system(error) }
  }

  private static func eventfd(_ message: inout Incoming, _ index: Int) throws(DeviceFailure) -> EventCounter {
    EventCounter(owning: try take(&message, index))
  }

  private static func take(_ message: inout Incoming, _ index: Int) throws(DeviceFailure) -> FileDescriptor {
    do throws(MessageError) { return try message.take(index) } catch { throw .message(error) }
  }
}
