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
  let interrupt: EventCounter
  /// Descriptor -1 if there is no console: a signal goes nowhere, poll(2) ignores it.
  let terminal: EventCounter
  let kick: EventCounter

  /// Takes the first message: maps its memory and closes what is not needed any more.
  init(_ message: inout Incoming) throws(DeviceFailure) {
    let setup: Attach
    do throws(MessageError) { setup = try message.decode(Attach.self) } catch { throw .message(error) }
    let vcpus = Int(setup.vcpus)
    let segment = try Attachment.map(&message, 0, size: AccessRing.segmentSize(vcpus: vcpus))
    let page = try Attachment.map(&message, 1, size: StatePage.size(vcpus: vcpus))
    let wake = try Attachment.eventfd(&message, 2)
    let interrupt = try Attachment.eventfd(&message, 3)
    let console = try Attachment.console(&message, setup)
    let terminal =
      setup.console ? try Attachment.eventfd(&message, 5) : EventCounter(owning: FileDescriptor(owning: -1))
    let kick = setup.console ? try Attachment.eventfd(&message, 6) : EventCounter(owning: FileDescriptor(owning: -1))
    self.setup = setup
    self.segment = segment
    self.page = page
    self.console = console
    self.wake = wake
    self.interrupt = interrupt
    self.terminal = terminal
    self.kick = kick
  }

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
