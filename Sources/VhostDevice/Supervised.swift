import DeviceBus
import System
import VhostUser

// A back-end under the supervisor: front-ends come as descriptors on the set-up socket.
extension EventLoop where Device: ~Copyable {
  /// The first message: takes the front-end, finishes the sandbox, and says so.
  mutating func begin(_ message: inout Incoming) throws(BackEndFailure) {
    try connect(&message)
    do throws(SystemError) { try SecondPhase.enter(&message) } catch { throw .system(error) }
    try tell(DeviceReady())
  }

  mutating func serveSupervisor() throws(BackEndFailure) {
    while var message = try nextSupervisorMessage() {
      switch message.request {
      case .connectFrontEnd:
        try connect(&message)
        try tell(DeviceReady())
      case .queryDeviceCounters:
        do throws(MessageError) { _ = try message.decode(QueryDeviceCounters.self) } catch { throw .message(error) }
        try tell(host.rings.counters.message)
      default: throw .message(.unexpectedRequest(message.request.rawValue))
      }
    }
  }

  private mutating func connect(_ message: inout Incoming) throws(BackEndFailure) {
    let socket: FileDescriptor
    do throws(MessageError) {
      _ = try message.decode(ConnectFrontEnd.self)
      socket = try message.take(0)
    } catch { throw .message(error) }
    take(VhostConnection(owning: socket))
  }

  private func nextSupervisorMessage() throws(BackEndFailure) -> Incoming? {
    do throws(ChannelError) { return try channel.receive(wait: false) } catch { throw .init(error) }
  }

  private func tell<M: Message>(_ message: M) throws(BackEndFailure) {
    do throws(SystemError) { try channel.send(message) } catch { throw .init(error) }
  }
}
