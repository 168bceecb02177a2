import CSystem
import System
import VhostUser
import Virtqueue

/// One ring of the device: the virtqueue while it runs, and its eventfds.
struct RingSlot: ~Copyable {
  /// Not nil from start to stop.
  var queue: Virtqueue?
  /// `queue` is not nil.
  var isStarted: Bool {
    switch queue {
    case .some: true
    case .none: false
    }
  }
  /// Whether the front-end wants it served.
  var isEnabled = false
  /// The driver broke it; no chain is taken until it is started again.
  var isBroken = false
  // Number -1: there is none.
  private var kick = FileDescriptor(owning: -1)
  private var call = FileDescriptor(owning: -1)
  private var error = FileDescriptor(owning: -1)

  /// Whether chains may be taken.
  @inline(__always)
  var isServed: Bool { isEnabled && !isBroken && isStarted }

  /// Whether there are chains to take.
  @inline(__always)
  var hasAvailable: Bool {
    guard isEnabled, !isBroken else { return false }
    switch queue {
    case .some(let queue): return queue.hasAvailable
    case .none: return false
    }
  }

  /// Chains that have not been given back.
  var outstanding: Int {
    switch queue {
    case .some(let queue): queue.outstanding
    case .none: 0
    }
  }

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
