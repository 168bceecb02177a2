import System
import VhostUser
import Virtqueue

// What the runtime does with rings, and a device must not.
extension Rings {
  /// Whether any ring is between start and stop.
  var isAnyStarted: Bool {
    for index in 0..<count where slots[index].isStarted { return true }
    return false
  }

  /// Whether the driver has broken any ring.
  var isAnyBroken: Bool {
    for index in 0..<count where slots[index].isBroken { return true }
    return false
  }

  // MARK: set-up

  /// Takes up a ring; what is in it already is looked at without a kick.
  func start(_ index: Int, _ queue: consuming Virtqueue) {
    queue.disableKicks()
    slots[index].start(queue)
    offer(index)
    // After a restart the driver may be owed a signal.
    state.pointee.pushed |= bit(index)
  }

  /// Where a stopped ring goes on, and whether nothing of it is left in flight.
  struct Stopped {
    var base: UInt32 = 0
    var isSettled = true
  }

  /// Lets go of a ring. Its call and error eventfds stay, its kick goes: only SET_VRING_KICK starts it again.
  func stop(_ index: Int) -> Stopped {
    guard slots[index].isStarted else { return Stopped() }
    let queue = slots[index].queue
    let isSettled = queue.pointee.outstanding == 0 && !queue.pointee.hasResubmissions
    let stopped = Stopped(base: queue.pointee.base, isSettled: isSettled)
    slots[index].stop()
    set(.kick, of: index, nil)
    state.pointee.watched &= ~bit(index)
    state.pointee.pushed &= ~bit(index)
    return stopped
  }

  func enable(_ index: Int, _ enabled: Bool) {
    slots[index].isEnabled = enabled
    if enabled { offer(index) }
  }

  func set(_ event: VringEvent, of index: Int, _ descriptor: consuming FileDescriptor?) {
    if event == .kick { unwatchKick(index) }
    slots[index].set(event, descriptor)
    switch event {
    case .kick:
      // Edge-triggered and never read: no holder of the eventfd can make a read block, and a kick costs one call less.
      let raw = slots[index].kickDescriptor
      guard raw >= 0 else { return }
      _ = state.pointee.epoll.watch(raw, .kick(index), Ready.input | Ready.edge)
    case .call:
      // What was used before there was a descriptor has not been told. One signal too many does no harm.
      if slots[index].isStarted { signalCall(index) }
    case .error: if slots[index].isBroken { slots[index].signalError() }
    }
  }

  func unwatchKick(_ index: Int) {
    let raw = slots[index].kickDescriptor
    if raw >= 0 { state.pointee.epoll.unwatch(raw) }
  }

  // MARK: work

  /// Has ring `index` looked at: there may be buffers in it that the device does not know of.
  func offer(_ index: Int) { state.pointee.watched |= bit(index) }

  /// Has every ring looked at.
  func offerAll() { state.pointee.watched = .max }

  /// Whether a ring that was empty has buffers now; for spinning.
  func hasNews() -> Bool {
    var left = state.pointee.watched
    while left != 0 {
      let index = left.trailingZeroBitCount
      left &= left &- 1
      if hasAvailable(index) { return true }
    }
    return false
  }

  /// Tells the drivers of all rings to which chains were given back, those that want to know.
  func signal() {
    while state.pointee.pushed != 0 {
      let index = state.pointee.pushed.trailingZeroBitCount
      state.pointee.pushed &= state.pointee.pushed &- 1
      guard index < count, slots[index].isStarted, slots[index].queue.pointee.shouldSignal() else { continue }
      signalCall(index)
    }
  }

  private func signalCall(_ index: Int) {
    if slots[index].signalCall() { state.pointee.counters.signals &+= 1 }
  }

  // MARK: sleep

  /// Asks for kicks of the rings that were seen empty; false if there is something in them after all. Rings that have
  /// buffers which the device does not want need none.
  func enableKicks() -> Bool {
    var left = state.pointee.watched
    while left != 0 {
      let index = left.trailingZeroBitCount
      left &= left &- 1
      guard isRunning(index) else { continue }
      if slots[index].queue.pointee.enableKicks() {
        disableKicks()
        return false
      }
    }
    return true
  }

  func disableKicks() {
    var left = state.pointee.watched
    while left != 0 {
      let index = left.trailingZeroBitCount
      left &= left &- 1
      if isRunning(index) { slots[index].queue.pointee.disableKicks() }
    }
  }

  /// Whether a running ring has no kick descriptor: it must be polled.
  var isPolled: Bool {
    for index in 0..<count where isRunning(index) && slots[index].kickDescriptor < 0 { return true }
    return false
  }

  private func bit(_ index: Int) -> UInt32 { 1 << UInt32(index) }
}
