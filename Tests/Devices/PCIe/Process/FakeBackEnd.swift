import CSystem
import Glibc
import ProcessSupport
import Synchronization
import System
import VhostUser

/// A back-end that answers what a test tells it to, and remembers what it was asked.
final class FakeBackEnd: Sendable {
  struct Nature: Sendable {
    var features: UInt64 = 1 << 32 | 1 << 30 | 1 << 29 | 1 << 28
    /// REPLY_ACK, BACKEND_REQ, CONFIG, INFLIGHT_SHMFD, RESET_DEVICE, MQ, CONFIGURE_MEM_SLOTS, STATUS.
    var protocolFeatures: ProtocolFeatures = [
      .multipleQueues, .replyAcknowledge, .backEndRequests, .config, .inflightMemory, .resetDevice,
    ]
    var queues: UInt64 = 2
    var config = [UInt8](repeating: 7, count: 60)
    /// The request that is never answered.
    var silentAt: FrontEndRequest?
    /// The request that is answered with rubbish.
    var rubbishAt: FrontEndRequest?
    /// The request that is refused.
    var refuses: FrontEndRequest?
  }

  struct Seen {
    /// Requests by name, in order, with ring index or value where it matters.
    var log: [String] = []
    var descriptors: [String: FakeVMM.EventBox] = [:]
    var bases: [UInt32: UInt32] = [:]
    /// A word of the in-flight log at the moment when it came.
    var inflightWord: UInt64 = 0
    var channel: Int32 = -1
  }

  private let state = Mutex(Seen())
  private let config: Mutex<[UInt8]>
  private let nature: Nature
  private let socket: Int32
  private let worker = Mutex<Worker?>(nil)

  /// Serves the owned `socket` until either end closes.
  init(_ socket: Int32, _ nature: Nature = Nature()) throws {
    (self.socket, self.nature) = (socket, nature)
    config = Mutex(nature.config)
    let started = try Worker { [self] in serve() }
    worker.withLock { $0 = started }
  }

  deinit { if seen.channel >= 0 { _ = atoll_close(seen.channel) } }

  var seen: Seen { state.withLock { $0 } }

  /// Waits up to five seconds until the log has `entry`.
  func saw(_ entry: String) -> Bool { until { seen.log.contains(entry) } }

  /// The eventfd that came with a request, such as "kick 0".
  func event(_ name: String) -> FakeVMM.EventBox? { seen.descriptors[name] }

  /// Changes its configuration and says so.
  func change(config new: [UInt8]) throws {
    config.withLock { $0 = new }
    var connection = VhostConnection(owning: FileDescriptor(owning: try StreamSocket.duplicate(seen.channel)))
    try connection.send(VhostOutgoing(ConfigChanged()))
  }

  /// Dies, as its front-end sees it.
  func hangUp() { _ = shutdown(socket, Int32(SHUT_RDWR)) }

  private func serve() {
    var connection = VhostConnection(owning: FileDescriptor(owning: socket))
    while true {
      _ = try? Poll.wait([(connection.raw, Poll.input)])
      do {
        while var message = try connection.receive() { try answer(&message, &connection) }
      } catch { return }
    }
  }

  private func answer(_ message: inout VhostIncoming, _ connection: inout VhostConnection) throws {
    guard let request = FrontEndRequest(rawValue: message.request) else { return }
    note(request, &message)
    if request == nature.silentAt { return }
    if request == nature.rubbishAt {
      return try connection.send(VhostOutgoing(request: 77, flags: VhostHeader.reply, payload: [1, 2, 3]))
    }
    if let reply = reply(request, message) { return try connection.send(reply) }
    guard message.header.needsReply else { return }
    try connection.send(VhostOutgoing(reply: NumberReply(request == nature.refuses ? 1 : 0), to: message.request))
  }

  private func reply(_ request: FrontEndRequest, _ message: borrowing VhostIncoming) -> VhostOutgoing? {
    switch request {
    case .getFeatures: return VhostOutgoing(reply: NumberReply(nature.features), to: 1)
    case .getProtocolFeatures: return VhostOutgoing(reply: NumberReply(nature.protocolFeatures.rawValue), to: 15)
    case .getQueueCount: return VhostOutgoing(reply: NumberReply(nature.queues), to: 17)
    case .getMemorySlots: return VhostOutgoing(reply: NumberReply(8), to: 36)
    case .getConfig:
      let bytes = config.withLock { $0 }
      return VhostOutgoing(
        reply: ConfigReply(offset: 0, size: UInt32(bytes.count), flags: 0, bytes: bytes), to: message.request)
    case .getVringBase:
      let index = message.payload.first.map { UInt32($0) } ?? 0
      return VhostOutgoing(reply: VringBaseReply(index: index, number: 5), to: message.request)
    default: return nil
    }
  }

  private func note(_ request: FrontEndRequest, _ message: inout VhostIncoming) {
    let payload = message.payload
    let first = payload.first.map { UInt32($0) } ?? 0
    let event = message.take(0)?.release()
    var entry = "\(request.name)"
    var name: String?
    switch request {
    case .setVringKick: name = "kick \(first)"
    case .setVringCall: name = "call \(first)"
    case .setVringError: name = "error \(first)"
    default: break
    }
    switch request {
    case .setVringSize, .setVringAddress, .setVringBase, .getVringBase, .setVringKick, .setVringCall, .setVringError,
      .setVringEnable:
      entry += " \(first)"
    default: break
    }
    state.withLock { seen in
      if request == .setVringBase { seen.bases[first] = UInt32(payload[4]) | UInt32(payload[5]) << 8 }
      if let event { Self.keep(event, request, name, &seen) }
      seen.log.append(entry)
    }
  }
}

extension FakeBackEnd {
  private static func keep(_ event: Int32, _ request: FrontEndRequest, _ name: String?, _ seen: inout Seen) {
    if request == .setBackEndChannel { return seen.channel = event }
    if request == .setInflight { _ = atoll_pread(event, &seen.inflightWord, 8, 0) }
    let descriptor = FileDescriptor(owning: event)
    if let name { seen.descriptors[name] = FakeVMM.EventBox(descriptor) }
  }
}

/// Asks every millisecond, at most five seconds.
func until(_ condition: () -> Bool) -> Bool {
  for _ in 0..<5000 {
    if condition() { return true }
    _ = try? Poll.wait([], nanoseconds: 1_000_000)
  }
  return condition()
}
