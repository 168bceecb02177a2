import Synchronization
import System

/// One access as the device took it out of a ring: copied once, then checked.
public struct PendingAccess: Sendable, Equatable {
  /// Which vCPU's ring.
  public let vcpu: Int
  /// Its sequence number: the last applied plus 1.
  public let sequence: UInt64
  /// What is asked; nil if the slot was malformed: then it is answered with all ones and has no effect.
  public let access: RingAccess?
  /// The value of a store.
  public let value: UInt64
}

/// The consuming end of all rings of one device. Everything in the segment is hostile: the VMM is trusted, but an earlier
/// incarnation of the device could write here.
public struct RingBackEnd: ~Copyable {
  private let segment: Mapping
  private let words: RingWords
  private let vcpus: Int
  private let regionSizes: [UInt32]
  /// Sequence number of the last access applied, by vCPU.
  private var applied: [UInt64]
  private var nextRing = 0

  /// Takes over a mapped segment of `vcpus` rings. `applied` has the last sequence number of each ring (from the state page).
  public init(segment: consuming Mapping, vcpus: Int, regionSizes: [UInt32], applied: [UInt64]) {
    self.words = RingWords(segment.base)
    self.segment = segment
    (self.vcpus, self.regionSizes, self.applied) = (vcpus, regionSizes, applied)
  }

  /// Where a device without saved state goes on: after the accesses that the ring calls completed.
  public static func coldStart(segment: borrowing Mapping, vcpus: Int) -> [UInt64] {
    let words = RingWords(segment.base)
    return (0..<vcpus).map { vcpu in
      let head = words.head(vcpu).pointee.load(ordering: .acquiring)
      let tail = words.tail(vcpu).pointee.load(ordering: .acquiring)
      return head &- tail <= AccessRing.slots ? tail : head
    }
  }

  /// Throws unless each ring's head is at most a ring ahead of what was applied.
  public borrowing func checkHeads() throws(RingFault) {
    for vcpu in 0..<vcpus { _ = try waiting(vcpu) }
  }

  private borrowing func waiting(_ vcpu: Int) throws(RingFault) -> UInt64 {
    let count = words.head(vcpu).pointee.load(ordering: .acquiring) &- applied[vcpu]
    guard count <= AccessRing.slots else { throw .headOutOfRange }
    return count
  }

  /// True if an access waits in any ring. Cheap: the spin loop's question.
  public borrowing func hasWork() -> Bool {
    for vcpu in 0..<vcpus where words.head(vcpu).pointee.load(ordering: .relaxed) != applied[vcpu] { return true }
    return false
  }

  /// The next access, the rings taken in turn; nil if none waits. It stays pending until `complete`.
  public mutating func next() throws(RingFault) -> PendingAccess? {
    for step in 0..<vcpus {
      let sum = nextRing + step
      let vcpu = sum < vcpus ? sum : sum - vcpus
      guard try waiting(vcpu) > 0 else { continue }
      nextRing = vcpu + 1 < vcpus ? vcpu + 1 : 0
      return copy(vcpu, sequence: applied[vcpu] &+ 1)
    }
    return nil
  }

  private borrowing func copy(_ vcpu: Int, sequence: UInt64) -> PendingAccess {
    let stamp = words.slot(vcpu, sequence, 0).pointee.load(ordering: .relaxed)
    let word = words.slot(vcpu, sequence, 1).pointee.load(ordering: .relaxed)
    let value = words.slot(vcpu, sequence, 2).pointee.load(ordering: .relaxed)
    guard stamp == sequence, let access = RingAccess(word: word), Int(access.region) < regionSizes.count,
      access.fits(regionSize: regionSizes[Int(access.region)])
    else { return PendingAccess(vcpu: vcpu, sequence: sequence, access: nil, value: value) }
    return PendingAccess(vcpu: vcpu, sequence: sequence, access: access, value: value)
  }

  /// Answers an access whose effects are all out, and wakes its vCPU if that sleeps; true if it did.
  public mutating func complete(vcpu: Int, sequence: UInt64, reply: UInt64) -> Bool {
    applied[vcpu] = sequence
    words.slot(vcpu, sequence, 3).pointee.store(reply, ordering: .relaxed)
    words.tail(vcpu).pointee.store(sequence, ordering: .releasing)
    return wake(vcpu)
  }

  /// For a new incarnation: answers the last applied access of a ring again, unless its answer is out; true if it did.
  public mutating func answerAgain(vcpu: Int, sequence: UInt64, reply: UInt64) -> Bool {
    guard words.tail(vcpu).pointee.load(ordering: .relaxed) != sequence else {
      // The vCPU may not have been woken.
      _ = wake(vcpu)
      return false
    }
    // Sequence 0 is no access: then only a tail that an earlier incarnation scribbled over is put right.
    if sequence > 0 { words.slot(vcpu, sequence, 3).pointee.store(reply, ordering: .relaxed) }
    words.tail(vcpu).pointee.store(sequence, ordering: .releasing)
    _ = wake(vcpu)
    return true
  }

  /// The fence pairs with `DeviceLink.sleep`.
  private borrowing func wake(_ vcpu: Int) -> Bool {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    let flag = words.vcpuSleeps(vcpu)
    guard flag.pointee.load(ordering: .relaxed) != 0, flag.pointee.exchange(0, ordering: .relaxed) != 0 else {
      return false
    }
    Futex.wake(flag)
    return true
  }

  /// Says that this process is about to sleep; false if work came meanwhile, and then it must not.
  public borrowing func announceSleep() -> Bool {
    words.deviceSleeps.pointee.store(1, ordering: .relaxed)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    guard hasWork() else { return true }
    announceAwake()
    return false
  }

  /// Says that this process polls again.
  public borrowing func announceAwake() { words.deviceSleeps.pointee.store(0, ordering: .relaxed) }
}
