import Synchronization

/// One descriptor as it was read: a private copy, two loads, never looked at again.
///
/// Split (virtio 1.3, 2.7.5): u64 address, u32 length, u16 flags, u16 next. Packed (2.8.13): u64 address, u32 length, u16 id,
/// u16 flags.
struct Descriptor {
  static let size = 16

  var address: UInt64
  var length: UInt32
  var flags: UInt16
  /// `next` of a split descriptor, `id` of a packed one.
  var link: UInt16

  var hasNext: Bool { flags & Flag.next != 0 }
  var isWritable: Bool { flags & Flag.write != 0 }
  var isIndirect: Bool { flags & Flag.indirect != 0 }

  /// Bits of `flags` (virtio 1.3, 2.7.5 and 2.8.1).
  enum Flag {
    static let next: UInt16 = 1
    static let write: UInt16 = 2
    static let indirect: UInt16 = 4
    static let available: UInt16 = 1 << 7
    static let used: UInt16 = 1 << 15
  }

  init(address: UInt64, length: UInt32, flags: UInt16, link: UInt16) {
    (self.address, self.length, self.flags, self.link) = (address, length, flags, link)
  }

  init(split at: UnsafeMutableRawPointer) {
    address = at.long(0).pointee.load(ordering: .relaxed)
    let rest = at.long(8).pointee.load(ordering: .relaxed)
    length = UInt32(truncatingIfNeeded: rest)
    flags = UInt16(truncatingIfNeeded: rest >> 32)
    link = UInt16(truncatingIfNeeded: rest >> 48)
  }

  /// The flags come with the same load as id and length, before the address.
  init(packed at: UnsafeMutableRawPointer) {
    let rest = at.long(8).pointee.load(ordering: .acquiring)
    address = at.long(0).pointee.load(ordering: .relaxed)
    length = UInt32(truncatingIfNeeded: rest)
    link = UInt16(truncatingIfNeeded: rest >> 32)
    flags = UInt16(truncatingIfNeeded: rest >> 48)
  }
}

/// An indirect table in guest memory (virtio 1.3, 2.7.5.3 and 2.8.7).
struct IndirectTable {
  let base: UnsafeMutableRawPointer
  /// Entries, 1 – 65536.
  let count: Int

  /// Finds the table that `descriptor` points at. It must be in one region, and at a multiple of 8, as any `struct` with a
  /// 64-bit field is: then each half of an entry is one load.
  init(_ descriptor: Descriptor, _ memory: UnsafeMutablePointer<GuestMemory.Table>) throws(VirtqueueError) {
    let length = Int(descriptor.length)
    guard length > 0, length % Descriptor.size == 0, length <= Descriptor.size << 16 else {
      throw .badTableSize(descriptor.length)
    }
    guard let found = memory.pointee.stretch(descriptor.address, UInt64(length)), found.count == length,
      found.base.isAligned(8)
    else { throw .badTableAddress(descriptor.address) }
    base = found.base
    count = length / Descriptor.size
  }

  /// Split: entries linked by `next`, from entry 0 on.
  func walkLinked(
    into chain: inout DescriptorChain, _ memory: UnsafeMutablePointer<GuestMemory.Table>
  ) throws(VirtqueueError) {
    var index = 0
    for _ in 0..<count {
      let entry = Descriptor(split: base + index * Descriptor.size)
      guard !entry.isIndirect else { throw .nestedIndirect }
      try chain.append(entry, memory)
      guard entry.hasNext else { return }
      index = Int(entry.link)
      guard index < count else { throw .indexOutOfRange(entry.link) }
    }
    throw .loop
  }

  /// Packed: all entries, one after the other. Flags but WRITE are reserved and ignored (2.8.7); only INDIRECT is refused,
  /// because a driver that sets it means something that there is not.
  func walkAll(
    into chain: inout DescriptorChain, _ memory: UnsafeMutablePointer<GuestMemory.Table>
  ) throws(VirtqueueError) {
    for index in 0..<count {
      let entry = Descriptor(packed: base + index * Descriptor.size)
      guard !entry.isIndirect else { throw .nestedIndirect }
      try chain.append(entry, memory)
    }
  }
}
