import DeviceBus
import ProcessSupport
import Synchronization
import System

/// The VMM's end of the back-channel: binds nothing, but remembers what is bound, and can signal and read it.
final class FakeVMM: Sendable {
  struct Bindings {
    var doorbells: [UInt32: (address: UInt64, event: EventBox)] = [:]
    var messages: [UInt32: (vector: UInt32, event: EventBox)] = [:]
    /// Every request, as text.
    var log: [String] = []
  }

  /// An eventfd that came with a request.
  final class EventBox: Sendable {
    let counter: EventCounter
    init(_ descriptor: consuming FileDescriptor) { counter = EventCounter(owning: descriptor) }
  }

  private let state = Mutex(Bindings())
  private let channel: Channel
  private let allowed: ClosedRange<UInt32>
  private let worker = Mutex<Worker?>(nil)

  /// Serves `descriptor` until its other end closes. Vectors outside of `allowed` are refused.
  init(_ descriptor: consuming FileDescriptor, allowed: ClosedRange<UInt32> = 64...255) throws {
    channel = Channel(owning: descriptor)
    self.allowed = allowed
    let started = try Worker { [self] in while serve() {} }
    worker.withLock { $0 = started }
  }

  /// What is bound now.
  var bindings: Bindings { state.withLock { $0 } }

  private func serve() -> Bool {
    guard var message = try? channel.receive() else { return false }
    guard let answer = try? answer(&message) else { return false }
    return (try? channel.send(answer)) != nil
  }

  private func answer(_ message: inout Incoming) throws -> Bound {
    switch message.request {
    case .bindDoorbell:
      let asked: BindDoorbell = try message.decode()
      let event = EventBox(try message.take(0))
      state.withLock {
        $0.doorbells[asked.id] = (asked.address, event)
        $0.log.append("doorbell \(asked.id) at \(String(asked.address, radix: 16))")
      }
      return Bound(to: .bindDoorbell, id: asked.id)
    case .unbindDoorbell:
      let id = try message.decode(UnbindDoorbell.self).id
      state.withLock {
        $0.doorbells[id] = nil
        $0.log.append("no doorbell \(id)")
      }
      return Bound(to: .unbindDoorbell, id: id)
    case .bindMSI:
      let asked: BindMSI = try message.decode()
      let event = EventBox(try message.take(0))
      let fits = allowed.contains(asked.vector)
      state.withLock {
        $0.messages[asked.id] = fits ? (asked.vector, event) : nil
        $0.log.append("message \(asked.id) is \(asked.vector)")
      }
      return Bound(to: .bindMSI, id: asked.id, fault: fits ? nil : .foreignVector)
    default:
      let id = try message.decode(UnbindMSI.self).id
      state.withLock {
        $0.messages[id] = nil
        $0.log.append("no message \(id)")
      }
      return Bound(to: .unbindMSI, id: id)
    }
  }

  /// Whether vector `id` has been signalled, or is within a second; takes the signal.
  func interrupted(_ id: UInt32) -> Bool {
    guard let event = bindings.messages[id]?.event else { return false }
    _ = try? Poll.wait([(event.counter.descriptor.raw, Poll.input)], nanoseconds: 1_000_000_000)
    return event.counter.drain() > 0
  }
}
