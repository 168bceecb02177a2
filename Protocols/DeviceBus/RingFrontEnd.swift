import CSystem
import Synchronization
import System

/// The VMM's view of one device process, shared by its vCPU threads and its control thread.
///
/// Life: serving → `detach` (the process is gone, accesses wait) → `reattach` (a new one: they go on) → …,
/// or `abandon` (it will not come back), and at the end of the machine `stop`.
public final class DeviceLink: Sendable {
  enum Disposition: UInt32 {
    case serving = 0
    case detached = 1
    case abandoned = 2
    case stopped = 3
  }

  /// How long a sleeping vCPU trusts the device to wake it. A device that lies about its futex word costs this much at
  /// the next stop, not a hang.
  private static let recheck: Int64 = 100_000_000
  /// Added to `fault` once the control thread has it.
  private static let told: UInt32 = 0x100

  let words: RingWords
  private let segment: Mapping
  private let wake: EventCounter
  /// Signalled when `takeFault` has something; the control thread polls it.
  private let control: EventCounter
  private let vcpus: Int
  let spin: Int64
  private let disposition = Atomic<UInt32>(Disposition.serving.rawValue)
  private let fault = Atomic<UInt32>(0)
  /// Last sequence number by vCPU. Unsafe to the compiler's eyes only: atomics, allocated and freed with this object.
  nonisolated(unsafe) private let sent: UnsafeMutablePointer<Atomic<UInt64>>

  /// A device whose `segment` has a ring for each of `vcpus` (1...256). `control` is a descriptor of the eventfd that tells
  /// the control thread of a fault. Throws if the segment can shrink or is too small.
  public init(
    segment descriptor: borrowing FileDescriptor, vcpus: Int, wake: consuming FileDescriptor,
    control: consuming FileDescriptor
  ) throws(SystemError) {
    guard (1...BusLimits.vcpus).contains(vcpus) else { throw SystemError("attach of a device", Errno.invalid) }
    let size = AccessRing.segmentSize(vcpus: vcpus)
    try MemoryFile.requireSealed(descriptor, size: size)
    segment = try Mapping.shared(descriptor, size: size)
    words = RingWords(segment.base)
    self.vcpus = vcpus
    self.wake = EventCounter(owning: wake)
    self.control = EventCounter(owning: control)
    spin = atoll_cpu_count() > 1 ? AccessRing.spinNanoseconds : 0
    sent = .allocate(capacity: vcpus)
    for vcpu in 0..<vcpus { (sent + vcpu).initialize(to: Atomic<UInt64>(0)) }
  }

  deinit { sent.deallocate() }

  /// Accesses sent so far, over all vCPUs; approximate while they run.
  public var accesses: UInt64 {
    var sum: UInt64 = 0
    for vcpu in 0..<vcpus { sum &+= sent[vcpu].load(ordering: .relaxed) }
    return sum
  }

  /// The process is gone and may come back: accesses wait.
  public func detach() { change(to: .detached) }
  /// It will not come back: reads give all ones, writes go nowhere, also those that wait now.
  public func abandon() { change(to: .abandoned) }
  /// The machine ends: every access returns nil or false at once. For good.
  public func stop() { change(to: .stopped) }

  /// A new incarnation serves the rings; `wake` takes the old eventfd's place.
  public func reattach(wake descriptor: consuming FileDescriptor) throws(SystemError) {
    // The number stays, so that a vCPU thread that is about to signal can never hit a descriptor of another kind.
    _ = try SystemError.check(
      "dup3", atoll_replace_descriptor(descriptor.raw, wake.descriptor.raw))
    _ = fault.exchange(0, ordering: .relaxed)
    change(to: .serving)
    // A vCPU may have seen the new incarnation asleep and have signalled the old eventfd.
    wake.signal()
  }

  /// The first rule that this incarnation broke; told once, so that a device cannot flood the control thread.
  public func takeFault() -> RingFault? {
    let code = fault.load(ordering: .relaxed)
    guard let found = RingFault(rawValue: code) else { return nil }
    fault.store(code | DeviceLink.told, ordering: .relaxed)
    return found
  }

  private func change(to next: Disposition) {
    guard now != .stopped else { return }
    disposition.store(next.rawValue, ordering: .sequentiallyConsistent)
    for vcpu in 0..<vcpus {
      words.vcpuSleeps(vcpu).pointee.store(0, ordering: .sequentiallyConsistent)
      Futex.wake(words.vcpuSleeps(vcpu))
    }
  }

  var now: Disposition { Disposition(rawValue: disposition.load(ordering: .acquiring)) ?? .stopped }

  func count(_ sequence: UInt64, vcpu: Int) { sent[vcpu].store(sequence, ordering: .relaxed) }

  /// This incarnation broke a rule; only the first one counts.
  public func report(_ found: RingFault) {
    let first = fault.compareExchange(expected: 0, desired: found.rawValue, ordering: .relaxed)
    if first.exchanged { control.signal() }
  }

  /// After a head was stored: wakes the device if it said that it sleeps. The fence pairs with `RingBackEnd.announceSleep`:
  /// one of the two sides sees the other's store.
  func wakeDevice() {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    let flag = words.deviceSleeps
    guard flag.pointee.load(ordering: .relaxed) != 0 else { return }
    if flag.pointee.exchange(0, ordering: .relaxed) != 0 { wake.signal() }
  }

  /// Sleeps until the device completes something or the disposition is no longer `state`, or for no reason.
  func sleep(vcpu: Int, while state: Disposition, unless done: () -> Bool) {
    let flag = words.vcpuSleeps(vcpu)
    flag.pointee.store(1, ordering: .relaxed)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    guard !done(), now == state else { return flag.pointee.store(0, ordering: .relaxed) }
    Futex.wait(flag, expected: 1, nanoseconds: DeviceLink.recheck)
    flag.pointee.store(0, ordering: .relaxed)
  }
}

/// The producing end of one vCPU's ring of one device. Belongs to that vCPU's thread.
public struct RingFrontEnd: ~Copyable {
  private let link: DeviceLink
  private let vcpu: Int
  /// Kept here and never read back from shared memory.
  private var head: UInt64 = 0
  private var tail: UInt64 = 0

  /// vCPU `vcpu`'s end; at most one for each vCPU and device in the life of a machine.
  public init(_ link: DeviceLink, vcpu: Int) { (self.link, self.vcpu) = (link, vcpu) }

  /// A guest load; waits for the answer, zero-extended. All ones if the device was abandoned, nil if the machine ends.
  public mutating func read(region: UInt8, offset: UInt32, size: UInt8) -> UInt64? {
    let access = RingAccess(region: region, size: size, isWrite: false, offset: offset)
    let allOnes = size >= 8 ? UInt64.max : (1 << (UInt64(size) * 8)) - 1
    switch submit(access, value: 0) {
    case .stopped: return nil
    case .abandoned: return allOnes
    case .serving, .detached: break
    }
    switch wait(until: head) {
    case .stopped: return nil
    case .abandoned: return allOnes
    case .serving, .detached: return link.words.slot(vcpu, head, 3).pointee.load(ordering: .relaxed) & allOnes
    }
  }

  /// A guest store; a posted one waits only for room in the ring. False if the machine ends.
  public mutating func write(region: UInt8, offset: UInt32, size: UInt8, value: UInt64, posted: Bool) -> Bool {
    let access = RingAccess(region: region, size: size, isWrite: true, offset: offset)
    let sent = submit(access, value: value)
    guard !posted, sent == .serving || sent == .detached else { return sent != .stopped }
    return wait(until: head) != .stopped
  }

  private mutating func submit(_ access: RingAccess, value: UInt64) -> DeviceLink.Disposition {
    if head &- tail >= AccessRing.slots {
      let room = wait(until: head &- AccessRing.slots &+ 1)
      guard room == .serving || room == .detached else { return room }
    }
    let state = link.now
    guard state == .serving || state == .detached else { return state }
    head &+= 1
    let words = link.words
    words.slot(vcpu, head, 0).pointee.store(head, ordering: .relaxed)
    words.slot(vcpu, head, 1).pointee.store(access.word, ordering: .relaxed)
    words.slot(vcpu, head, 2).pointee.store(value, ordering: .relaxed)
    words.head(vcpu).pointee.store(head, ordering: .releasing)
    link.count(head, vcpu: vcpu)
    link.wakeDevice()
    return state
  }

  /// Whether access `sequence` is complete. The tail is the device's word: one that went back or overtook the head is
  /// reported and ignored, and the access waits for a better device.
  private mutating func completed(_ sequence: UInt64) -> Bool {
    let seen = link.words.tail(vcpu).pointee.load(ordering: .acquiring)
    if seen == tail { return tail >= sequence }
    guard seen > tail else {
      link.report(.tailWentBack)
      return false
    }
    guard seen <= head else {
      link.report(.tailBeyondHead)
      return false
    }
    tail = seen
    return tail >= sequence
  }

  private mutating func wait(until sequence: UInt64) -> DeviceLink.Disposition {
    if poll(until: sequence) { return .serving }
    while true {
      let state = link.now
      guard state == .serving || state == .detached else { return state }
      // State and tail from before the look: what changes after it is seen once more before the sleep.
      let (words, vcpu, before) = (link.words, vcpu, link.words.tail(vcpu).pointee.load(ordering: .relaxed))
      if completed(sequence) { return state }
      link.sleep(vcpu: vcpu, while: state) { words.tail(vcpu).pointee.load(ordering: .relaxed) != before }
    }
  }

  /// Polls for the spin time; the clock is read once in 32 rounds.
  private mutating func poll(until sequence: UInt64) -> Bool {
    if completed(sequence) { return true }
    guard link.spin > 0 else { return false }
    let end = Clock.monotonic + link.spin
    repeat {
      for _ in 0..<32 {
        spinHint()
        if completed(sequence) { return true }
      }
    } while Clock.monotonic < end
    return false
  }
}
