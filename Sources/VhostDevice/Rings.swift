import System
import Virtqueue

/// The rings of a device, and what else it may do: the only thing that a device gets from the runtime. For one thread.
///
/// A ring that is stopped, disabled, broken or does not exist has no chains and takes none back: a device need not know.
public final class Rings {
  /// Outside the object, so that an access costs neither a reference count nor an exclusivity check.
  struct State: ~Copyable {
    var counters = BackEndCounters()
    /// Bit i: ring i was seen empty, so that new buffers in it are news.
    var watched: UInt32 = 0
    /// Bit i: chains of ring i were pushed since its driver was last considered for a signal.
    var pushed: UInt32 = 0
    /// Chains taken since `serve` was called.
    var taken = 0
    var configChanged = false
    let memory = GuestMemory()
    let epoll: Epoll
    var log = LogLimit()

    init() throws(SystemError) { epoll = try Epoll() }
  }

  let state: UnsafeMutablePointer<State>
  let slots: UnsafeMutablePointer<RingSlot>
  /// How many rings there are.
  public let count: Int
  /// The back-end's name, for the log.
  let name: String

  init(name: String, count: Int) throws(SystemError) {
    self.name = name
    self.count = count
    state = .allocate(capacity: 1)
    state.initialize(to: try State())
    slots = .allocate(capacity: count)
    for index in 0..<count { (slots + index).initialize(to: RingSlot()) }
  }

  deinit {
    slots.deinitialize(count: count)
    slots.deallocate()
    state.deinitialize(count: 1)
    state.deallocate()
  }

  // MARK: chains

  /// Whether ring `queue` is started, enabled and not broken.
  @inline(__always)
  public func isRunning(_ queue: Int) -> Bool {
    queue >= 0 && queue < count && slots[queue].isServed
  }

  /// Takes the next chain of ring `queue`. False: there is none, or it was so bad that the ring is broken now.
  public func pop(_ queue: Int, into chain: inout DescriptorChain) -> Bool {
    guard isRunning(queue) else { return false }
    do throws(VirtqueueError) {
      guard try slots[queue].queue.pointee.pop(into: &chain) else {
        state.pointee.watched |= 1 << UInt32(queue)
        return false
      }
    } catch {
      breakRing(queue, error.sentence)
      return false
    }
    state.pointee.taken &+= 1
    state.pointee.counters.requests &+= 1
    state.pointee.counters.bytesIn &+= UInt64(chain.readableBytes)
    return true
  }

  /// Gives a chain back, `written` bytes of its writable part being valid; the driver is told when that is due.
  public func push(_ queue: Int, _ token: ChainToken, written: Int) {
    guard queue >= 0, queue < count, slots[queue].isStarted else { return }
    slots[queue].queue.pointee.push(token, written: UInt32(clamping: written))
    state.pointee.pushed |= 1 << UInt32(queue)
    state.pointee.counters.completions &+= 1
    state.pointee.counters.bytesOut &+= UInt64(clamping: written)
  }

  /// Undoes the last `pop` of ring `queue`, if nothing happened on it since; the chain is popped again next. False: too late.
  public func unpop(_ queue: Int, _ token: ChainToken) -> Bool {
    guard queue >= 0, queue < count, slots[queue].isStarted else { return false }
    return slots[queue].queue.pointee.unpop(token)
  }

  /// Whether ring `queue` has chains to take; cheap.
  @inline(__always)
  public func hasAvailable(_ queue: Int) -> Bool {
    queue >= 0 && queue < count && slots[queue].hasAvailable
  }

  /// Chains of ring `queue` that the device has not given back.
  public func outstanding(_ queue: Int) -> Int {
    queue >= 0 && queue < count ? slots[queue].outstanding : 0
  }

  /// Stops serving ring `queue` until it is set up anew: the driver broke the rules of the device type. `why` says what
  /// it did, as a clause: "a request has no status byte".
  public func breakRing(_ queue: Int, _ why: String) {
    guard isRunning(queue) else { return }
    slots[queue].isBroken = true
    state.pointee.counters.brokenRings &+= 1
    slots[queue].signalError()
    report("the guest broke ring \(queue): \(why)")
  }

  // MARK: everything else

  /// Has `VirtioBackEnd.ready` called when `fd` is ready for `events` (`Ready`); replaces an earlier watch of it. False: this
  /// kind of descriptor cannot be waited for (a regular file).
  @discardableResult
  public func watch(_ fd: Int32, _ token: UInt32, _ events: UInt32) -> Bool {
    state.pointee.epoll.watch(fd, .device(token), events)
  }

  /// Ends a watch; must come before the descriptor is closed.
  public func unwatch(_ fd: Int32) { state.pointee.epoll.unwatch(fd) }

  /// `VirtioBackEnd.config()` returns something else from now on: the driver is told if the front-end lets it.
  public func configChanged() { state.pointee.configChanged = true }

  /// A sentence for the log, prefixed with the program's name; too many in a short time are counted instead.
  public func report(_ sentence: String) {
    state.pointee.log.line("\(name): \(sentence)", now: Clock.monotonic)
  }

  /// What this process has done so far.
  public var counters: BackEndCounters { state.pointee.counters }
}

extension Rings {
  /// Gives several chains back, of which the driver sees all or none: it may look for the second as soon as it sees the first.
  public func push(_ queue: Int, _ batch: UnsafeBufferPointer<Completion>) {
    guard queue >= 0, queue < count, slots[queue].isStarted else { return }
    slots[queue].queue.pointee.push(batch)
    state.pointee.pushed |= 1 << UInt32(queue)
    state.pointee.counters.completions &+= UInt64(batch.count)
    for completion in batch { state.pointee.counters.bytesOut &+= UInt64(completion.written) }
  }
}
