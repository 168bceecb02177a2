import Synchronization
import System

// The access ring's layout, which both ends share; README.md has it as a table. All counters are u64 and never wrap:
// at 10 accesses a microsecond that takes 58 000 years.

/// Why the VMM or a device refused what it found in a ring segment, or the VMM what came on a back-channel.
public enum RingFault: UInt32, Error, Sendable {
  /// The device says that it completed accesses that were never sent.
  case tailBeyondHead = 1
  /// The device took a completion back.
  case tailWentBack = 2
  /// The producer is more than a ring ahead of, or behind, the last access applied.
  case headOutOfRange = 3
  /// The device broke the protocol of its back-channel.
  case brokenBackChannel = 4

  /// What the peer did, as one sentence without a full stop.
  public var sentence: StaticString {
    switch self {
    case .tailBeyondHead: "the device completed an access that was never sent"
    case .tailWentBack: "the device took back the completion of an access"
    case .headOutOfRange: "the ring holds more accesses than it has slots"
    case .brokenBackChannel: "the device broke the protocol of its back-channel"
    }
  }
}

/// What one slot asks for, as it stands in the second word of the slot.
public struct RingAccess: Sendable, Equatable {
  /// Index into the device's regions.
  public var region: UInt8
  /// 1, 2, 4 or 8 bytes.
  public var size: UInt8
  /// A store; else a load.
  public var isWrite: Bool
  /// Bytes from the region's start.
  public var offset: UInt32

  /// Unchecked: the device refuses what is out of range.
  public init(region: UInt8, size: UInt8, isWrite: Bool, offset: UInt32) {
    (self.region, self.size, self.isWrite, self.offset) = (region, size, isWrite, offset)
  }

  /// region: bits 7–0, size: 15–8, flags: 31–16 (bit 16: write), offset: 63–32.
  @inlinable
  public var word: UInt64 {
    UInt64(region) | UInt64(size) << 8 | (isWrite ? 1 << 16 : 0) | UInt64(offset) << 32
  }

  /// Takes the word of a slot apart; nil if a flag is set that has no meaning.
  @inlinable
  public init?(word: UInt64) {
    guard word & 0xfffe_0000 == 0 else { return nil }
    region = UInt8(truncatingIfNeeded: word)
    size = UInt8(truncatingIfNeeded: word >> 8)
    isWrite = word & 1 << 16 != 0
    offset = UInt32(truncatingIfNeeded: word >> 32)
  }

  /// Whether the size exists and the access lies inside a region of `regionSize` bytes.
  @inlinable
  public func fits(regionSize: UInt32) -> Bool {
    guard size == 1 || size == 2 || size == 4 || size == 8 else { return false }
    return UInt64(offset) + UInt64(size) <= UInt64(regionSize)
  }
}

/// Where everything is in a ring segment.
public enum AccessRing {
  /// Slots of a ring, and so the most accesses that can wait; a power of two.
  public static let slots: UInt64 = 64
  /// How long an end polls before it sleeps, in nanoseconds; 0 on a machine with one CPU, where polling keeps the peer away.
  public static let spinNanoseconds: Int64 = 30_000

  static let headerSize = 128
  static let slotSize = 32
  static let slotsOffset = 192
  static let ringSize = 192 + 64 * 32 + 64

  /// Bytes of the segment of a machine with `vcpus` vCPUs. A fresh segment is all zero.
  public static func segmentSize(vcpus: Int) -> Int { headerSize + vcpus * ringSize }
}

/// A ring segment's words, by name. Every word is read and written whole, so that a hostile peer can lie but not tear.
/// Sendable because all of it is atomics; whoever holds it keeps the mapping alive.
@usableFromInline
struct RingWords: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutableRawPointer

  @inlinable init(_ base: UnsafeMutableRawPointer) { self.base = base }

  @inlinable @inline(__always)
  func word32(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }
  @inlinable @inline(__always)
  func word64(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// 1 while the device sleeps in poll(2) and wants its wake eventfd signalled.
  var deviceSleeps: UnsafeMutablePointer<Atomic<UInt32>> { word32(0) }

  private func ring(_ vcpu: Int) -> Int { AccessRing.headerSize + vcpu * AccessRing.ringSize }
  /// Sequence number of the last access sent; written by the VMM.
  func head(_ vcpu: Int) -> UnsafeMutablePointer<Atomic<UInt64>> { word64(ring(vcpu)) }
  /// Sequence number of the last access completed; written by the device.
  func tail(_ vcpu: Int) -> UnsafeMutablePointer<Atomic<UInt64>> { word64(ring(vcpu) + 64) }
  /// The futex word: 1 while the vCPU sleeps and wants to be woken.
  func vcpuSleeps(_ vcpu: Int) -> UnsafeMutablePointer<Atomic<UInt32>> { word32(ring(vcpu) + 128) }
  /// Word `index` (0 sequence, 1 access, 2 value, 3 reply) of the slot of access `sequence`.
  func slot(_ vcpu: Int, _ sequence: UInt64, _ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    let number = Int(truncatingIfNeeded: (sequence &- 1) & (AccessRing.slots - 1))
    return word64(ring(vcpu) + AccessRing.slotsOffset + number * AccessRing.slotSize + index * 8)
  }
}
