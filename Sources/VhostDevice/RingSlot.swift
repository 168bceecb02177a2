import CSystem
import System
import VhostUser
import Virtqueue

/// One ring of the device: the virtqueue while it runs, and its eventfds.
struct RingSlot: ~Copyable {
  /// Initialised while `isStarted`. A pointer, because looking into an Optional of this size copies it.
  let queue: UnsafeMutablePointer<Virtqueue>
  /// From start to stop.
  private(set) var isStarted = false
  /// Whether the front-end wants it served.
  var isEnabled = false
  /// The driver broke it; no chain is taken until it is started again.
  var isBroken = false
  // Number -1: there is none.
  private var kick = FileDescriptor(owning: -1)
  private var call = FileDescriptor(owning: -1)
  private var error = FileDescriptor(owning: -1)

  init() { queue = .allocate(capacity: 1) }

  deinit {
    if isStarted { queue.deinitialize(count: 1) }
    queue.deallocate()
  }

  /// Takes up a virtqueue; the slot is stopped.
  mutating func start(_ next: consuming Virtqueue) {
    queue.initialize(to: next)
    (isStarted, isBroken) = (true, false)
  }

  /// Lets go of the virtqueue; the slot is started.
  mutating func stop() {
    queue.deinitialize(count: 1)
    isStarted = false
  }

  /// Whether chains may be taken.
  @inline(__always)
  var isServed: Bool { isEnabled && !isBroken && isStarted }

  /// Whether there are chains to take.
  @inline(__always)
  var hasAvailable: Bool { isServed && queue.pointee.hasAvailable }

  /// Chains that have not been given back.
  var outstanding: Int { isStarted ? queue.pointee.outstanding : 0 }

  /// The kick eventfd's number, -1 if there is none.
  var kickDescriptor: Int32 { kick.raw }

  /// Puts an eventfd into its place and closes the one before; nil leaves the place empty.
  mutating func set(_ event: VringEvent, _ descriptor: consuming FileDescriptor?) {
    let next = descriptor ?? FileDescriptor(owning: -1)
    switch event {
    case .kick: kick = next
    case .call: call = next
    case .error: error = next
    }
  }

  /// As it was before any front-end; the ring is stopped.
  mutating func clear() {
    (isEnabled, isBroken) = (false, false)
    for event in [VringEvent.kick, .call, .error] { set(event, nil) }
  }

  /// Signals `call`; false if there is none.
  func signalCall() -> Bool { call.raw >= 0 && atoll_eventfd_signal(call.raw) == 0 }

  /// Signals `error`, if there is one.
  func signalError() { if error.raw >= 0 { _ = atoll_eventfd_signal(error.raw) } }
}
