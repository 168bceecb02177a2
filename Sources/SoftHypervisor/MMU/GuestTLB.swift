/// One architectural TLB entry: a pair of pages (Vol. 1, 5.4.2).
struct GuestTLBEntry {
  /// VA bits 47:13 in place.
  var vppn: UInt64 = 0
  var low0: UInt64 = 0
  var low1: UInt64 = 0
  var asid: UInt16 = 0
  var pageSize: UInt8 = 0
  var global = false
  var exists = false

  /// VA bits that must agree: 47 down to the pair's size.
  @inline(__always)
  func covers(_ address: UInt64) -> Bool {
    ((vppn ^ address) & 0xffff_ffff_ffff) >> (UInt64(pageSize) + 1) == 0
  }

  @inline(__always)
  func belongs(to asid: UInt16) -> Bool { global || self.asid == asid }
}

/// The architectural TLB of a la464: 2048 STLB entries in 8 ways of 256 sets with the one page size of CSR.STLBPS, and
/// 64 MTLB entries of any size. Architectural index = way × 256 + set; here the ways of a set are neighbours in memory.
struct GuestTLB {
  static let sets = 256
  static let ways = 8
  static let stlbCount = sets * ways
  static let mtlbCount = 64
  static let count = stlbCount + mtlbCount

  let entries: UnsafeMutablePointer<GuestTLBEntry>
  /// MTLB entries at and above this position have never been written since the last clear.
  var mtlbUsed = 0
  /// Source of the replacement choice: any sequence will do.
  var seed: UInt32 = 1

  init() {
    entries = .allocate(capacity: Self.count)
    entries.initialize(repeating: GuestTLBEntry(), count: Self.count)
  }

  func free() { entries.deallocate() }

  /// As after reset.
  mutating func empty() {
    entries.update(repeating: GuestTLBEntry(), count: Self.count)
    mtlbUsed = 0
    seed = 1
  }

  /// Where architectural `index` (0–2111) lives.
  @inline(__always)
  static func position(_ index: Int) -> Int {
    index < stlbCount ? (index & 255) * ways + index >> 8 : index
  }

  /// The architectural index of a position.
  static func index(_ position: Int) -> Int {
    position < stlbCount ? (position & 7) << 8 + position >> 3 : position
  }

  @inline(__always)
  static func set(_ address: UInt64, stlbPageSize: UInt64) -> Int {
    Int(truncatingIfNeeded: address >> (stlbPageSize + 1)) & (sets - 1)
  }

  /// Position of the entry that translates `address`, or -1.
  func find(_ address: UInt64, asid: UInt16, stlbPageSize: UInt64) -> Int {
    let first = Self.set(address, stlbPageSize: stlbPageSize) * Self.ways
    for position in first..<(first + Self.ways) where hits(position, address, asid) { return position }
    var position = Self.stlbCount
    while position < Self.stlbCount + mtlbUsed {
      if hits(position, address, asid) { return position }
      position += 1
    }
    return -1
  }

  @inline(__always)
  private func hits(_ position: Int, _ address: UInt64, _ asid: UInt16) -> Bool {
    let entry = entries + position
    return entry.pointee.exists && entry.pointee.belongs(to: asid) && entry.pointee.covers(address)
  }

  /// Writes an entry and keeps `mtlbUsed` right.
  mutating func write(_ position: Int, _ entry: GuestTLBEntry) {
    entries[position] = entry
    if position >= Self.stlbCount { mtlbUsed = max(mtlbUsed, position - Self.stlbCount + 1) }
  }

  /// The position TLBFILL uses for an entry of `pageSize`: a free one if the set has one, else any.
  mutating func victim(_ address: UInt64, pageSize: UInt64, stlbPageSize: UInt64) -> Int {
    let inSTLB = pageSize == stlbPageSize
    let first = inSTLB ? Self.set(address, stlbPageSize: stlbPageSize) * Self.ways : Self.stlbCount
    let span = inSTLB ? Self.ways : Self.mtlbCount
    for position in first..<(first + span) where !entries[position].exists { return position }
    // xorshift32
    seed ^= seed << 13
    seed ^= seed >> 17
    seed ^= seed << 5
    return first + Int(seed) % span
  }

  /// Removes the entries for which `condition` holds.
  func remove(where condition: (GuestTLBEntry) -> Bool) {
    for position in 0..<(Self.stlbCount + mtlbUsed) where entries[position].exists {
      if condition(entries[position]) { entries[position].exists = false }
    }
  }

  /// Removes the entries of one set (and all MTLB entries) for which `condition` holds: what can translate `address`.
  func remove(near address: UInt64, stlbPageSize: UInt64, where condition: (GuestTLBEntry) -> Bool) {
    let first = Self.set(address, stlbPageSize: stlbPageSize) * Self.ways
    for position in first..<(first + Self.ways) where entries[position].exists && condition(entries[position]) {
      entries[position].exists = false
    }
    for position in Self.stlbCount..<(Self.stlbCount + mtlbUsed) where entries[position].exists {
      if condition(entries[position]) { entries[position].exists = false }
    }
  }
}
