import Synchronization

/// The in-flight log of a split ring, byte for byte as vhost-user has it ("Inflight I/O tracking", QueueRegionSplit).
///
/// Each store is one release store, so that what a killed process leaves is a prefix of them. Nothing is read but by `takeOver`.
struct SplitLog {
  // QueueRegionSplit: header, u16 last_batch_head, u16 used_idx, DescStateSplit desc[].
  private static let lastBatchHead = 12
  private static let usedIndex = 14
  private static let entries = 16
  // DescStateSplit: u8 inflight, 5 bytes of padding, u16 next, u64 counter.
  private static let entrySize = 16
  private static let inflight = 0
  private static let next = 6
  private static let counter = 8

  static func size(entries count: Int) -> Int { entries + count * entrySize }

  let base: UnsafeMutableRawPointer
  /// What was stored last in last_batch_head.
  private var batchHead: UInt16 = 0

  init(base: UnsafeMutableRawPointer) { self.base = base }

  private func entry(_ head: UInt16) -> UnsafeMutableRawPointer {
    base + SplitLog.entries + Int(head) * SplitLog.entrySize
  }

  /// A log that nobody has used.
  var isFresh: Bool { base.half(LogHeader.version).pointee.load(ordering: .acquiring) == 0 }

  /// Writes a new log; the version comes last.
  func format(entries count: UInt16, used: UInt16) {
    for head in 0..<count {
      entry(head).byte(SplitLog.inflight).pointee.store(0, ordering: .relaxed)
    }
    base.long(LogHeader.features).pointee.store(0, ordering: .relaxed)
    base.half(LogHeader.count).pointee.store(count, ordering: .relaxed)
    base.half(SplitLog.lastBatchHead).pointee.store(0, ordering: .relaxed)
    base.half(SplitLog.usedIndex).pointee.store(used, ordering: .releasing)
    base.half(LogHeader.version).pointee.store(LogHeader.currentVersion, ordering: .releasing)
  }

  /// A chain has been popped.
  func popped(_ head: UInt16, counter: UInt64) {
    entry(head).long(SplitLog.counter).pointee.store(counter, ordering: .releasing)
    entry(head).byte(SplitLog.inflight).pointee.store(1, ordering: .releasing)
  }

  /// The chain will be popped again.
  func unpopped(_ head: UInt16) { entry(head).byte(SplitLog.inflight).pointee.store(0, ordering: .releasing) }

  /// The chain's used element is about to be published, one of a batch.
  mutating func publishing(_ head: UInt16) {
    entry(head).half(SplitLog.next).pointee.store(batchHead, ordering: .releasing)
    base.half(SplitLog.lastBatchHead).pointee.store(head, ordering: .releasing)
    batchHead = head
  }

  /// It has been published.
  func published(_ head: UInt16) { entry(head).byte(SplitLog.inflight).pointee.store(0, ordering: .releasing) }

  /// The whole batch has been: the ring's used index is `used`.
  func finishPublishing(used: UInt16) { base.half(SplitLog.usedIndex).pointee.store(used, ordering: .releasing) }

  /// Finishes what the earlier incarnation was about, and marks in `slots` what it had in flight, with the counters as
  /// serial numbers. `used` is the ring's used index.
  mutating func takeOver(entries count: UInt16, used: UInt16, slots: inout SlotTable) throws(VirtqueueError) {
    guard base.half(LogHeader.version).pointee.load(ordering: .acquiring) == LogHeader.currentVersion,
      base.half(LogHeader.count).pointee.load(ordering: .relaxed) == count
    else { throw .badLog }
    try finishBatch(entries: count, used: used)
    for head in 0..<count {
      guard entry(head).byte(SplitLog.inflight).pointee.load(ordering: .relaxed) != 0 else { continue }
      guard Int(head) < slots.count else { throw .badLog }
      slots.slots[Int(head)].inFlight = true
      slots.slots[Int(head)].serial = entry(head).long(SplitLog.counter).pointee.load(ordering: .relaxed)
      slots.inFlight += 1
    }
  }

  /// The used index moved and the log did not follow: the chains of the last batch have been pushed.
  private mutating func finishBatch(entries count: UInt16, used: UInt16) throws(VirtqueueError) {
    batchHead = base.half(SplitLog.lastBatchHead).pointee.load(ordering: .relaxed)
    guard batchHead < count else { throw .badLog }
    let batch = used &- base.half(SplitLog.usedIndex).pointee.load(ordering: .relaxed)
    guard batch <= count else { throw .badLog }
    var head = batchHead
    for _ in 0..<batch {
      guard head < count else { throw .badLog }
      entry(head).byte(SplitLog.inflight).pointee.store(0, ordering: .releasing)
      head = entry(head).half(SplitLog.next).pointee.load(ordering: .relaxed)
    }
    base.half(SplitLog.usedIndex).pointee.store(used, ordering: .releasing)
  }
}
