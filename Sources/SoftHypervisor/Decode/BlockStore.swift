/// A straight run of decoded instructions inside one 4 KiB page.
struct Block {
  /// Physical address of the first instruction, with EUEN.FPE and SXE in its two low bits.
  var key: UInt64
  /// First operation; `count` instructions, then perhaps a `fallThrough` that is not counted.
  var ops: UnsafeMutablePointer<MicroOp>
  /// The words that were decoded, to see later whether memory still holds them.
  var words: UnsafeMutablePointer<UInt32>
  var count: UInt32
  /// Next block of the same hash bucket, or `BlockStore.none`.
  var next: UInt32
}

/// One entry of the jump cache.
struct JumpEntry {
  /// PC xor mode key; a PC is a multiple of 4 and mode bits 0–1 are never both set, so that all ones is free.
  var key: UInt64 = .max
  var block: UnsafeMutablePointer<Block>?
}

/// All blocks of one vCPU in three arenas that are filled in order and emptied together.
///
/// There is no tracking of stores into code. A block remembers its words, and whoever enters it through the slow path
/// compares them with memory; `ibar`, TLB changes and interrupts empty the jump cache, which forces the slow path. That is
/// what the architecture asks of software (Vol. 1, 2.2.8.2), and it also sees code that a device wrote into memory.
struct BlockStore {
  static let none: UInt32 = .max
  static let bucketBits: UInt64 = 16
  static let maxLength = 64

  private let blocks: UnsafeMutablePointer<Block>
  private let ops: UnsafeMutablePointer<MicroOp>
  private let words: UnsafeMutablePointer<UInt32>
  private let buckets: UnsafeMutablePointer<UInt32>
  private let maxBlocks: Int
  private let maxOps: Int
  private var blockCount = 0
  private var opCount = 0

  /// Room for `operations` decoded instructions and an eighth as many blocks; untouched room costs no memory.
  init(operations: Int) {
    maxOps = operations
    maxBlocks = operations / 8
    blocks = .allocate(capacity: maxBlocks)
    ops = .allocate(capacity: maxOps)
    words = .allocate(capacity: maxOps)
    buckets = .allocate(capacity: 1 << Int(Self.bucketBits))
    buckets.initialize(repeating: Self.none, count: 1 << Int(Self.bucketBits))
  }

  func free() {
    blocks.deallocate()
    ops.deallocate()
    words.deallocate()
    buckets.deallocate()
  }

  private func bucket(_ key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key >> 2 ^ key >> 18) & (1 << Self.bucketBits - 1))
  }

  /// The block for `key` whose words are those at `code` now; decodes it if there is none. `room` is how many
  /// instructions are left in the page. Emptied arenas invalidate every block: then `didEmpty` is true.
  mutating func block(
    key: UInt64, code: UnsafePointer<UInt32>, room: Int, didEmpty: inout Bool
  ) -> UnsafeMutablePointer<Block> {
    var index = buckets[bucket(key)]
    while index != Self.none {
      let block = blocks + Int(index)
      if block.pointee.key == key {
        if matches(block, code) { return block }
        return decode(into: block, key: key, code: code, room: room, didEmpty: &didEmpty)
      }
      index = block.pointee.next
    }
    return decode(into: nil, key: key, code: code, room: room, didEmpty: &didEmpty)
  }

  private func matches(_ block: UnsafeMutablePointer<Block>, _ code: UnsafePointer<UInt32>) -> Bool {
    let words = block.pointee.words
    for i in 0..<Int(block.pointee.count) where words[i] != code[i] { return false }
    return true
  }

  /// Decodes at the end of the arenas, into a new block or over one whose words have changed.
  private mutating func decode(
    into old: UnsafeMutablePointer<Block>?, key: UInt64, code: UnsafePointer<UInt32>, room: Int, didEmpty: inout Bool
  ) -> UnsafeMutablePointer<Block> {
    var target = old
    if blockCount == maxBlocks || opCount + Self.maxLength + 1 > maxOps {
      empty()
      didEmpty = true
      target = nil
    }
    let (first, count) = decodeRun(key: key, code: code, room: room)
    let made = Block(key: key, ops: ops + first, words: words + first, count: UInt32(count), next: Self.none)
    if let target {
      let next = target.pointee.next
      target.pointee = made
      target.pointee.next = next
      return target
    }
    let slot = blocks + blockCount
    slot.initialize(to: made)
    slot.pointee.next = buckets[bucket(key)]
    buckets[bucket(key)] = UInt32(blockCount)
    blockCount += 1
    return slot
  }

  private mutating func decodeRun(key: UInt64, code: UnsafePointer<UInt32>, room: Int) -> (first: Int, count: Int) {
    let decoder = Decoder(floatEnabled: key & 1 != 0, vectorEnabled: key & 2 != 0)
    let first = opCount
    let limit = min(room, Self.maxLength)
    var count = 0
    var ended = false
    while count < limit, !ended {
      // Copied once: another vCPU or a device may write it meanwhile.
      let word = code[count]
      words[first + count] = word
      ops[first + count] = decoder.decode(word)
      ended = Decoder.endsBlock(ops[first + count])
      count += 1
    }
    opCount += count
    if !ended {
      ops[opCount] = MicroOp(code: .fallThrough)
      opCount += 1
    }
    return (first, count)
  }

  /// Forgets every block.
  mutating func empty() {
    blockCount = 0
    opCount = 0
    buckets.update(repeating: Self.none, count: 1 << Int(Self.bucketBits))
  }
}

/// Size and hash of the jump cache.
enum JumpCache {
  static let entries = 4096

  @inline(__always)
  static func index(_ pc: UInt64) -> Int { Int(truncatingIfNeeded: (pc >> 2 ^ pc >> 14) & UInt64(entries - 1)) }
}

extension UnsafeMutablePointer where Pointee == CPU {
  /// The low bits of a PC take part in the jump cache's key, where they would pass for mode bits. Called where `pc` may have
  /// become misaligned, so that the slow path raises ADEF.
  @inline(__always)
  func dropMisalignedJump() {
    if pointee.pc & 3 != 0 { pointee.jumpCache[JumpCache.index(pointee.pc)] = JumpEntry() }
  }

  /// Makes every block be looked up, and compared with memory, again.
  func flushJumpCache() {
    pointee.jumpCache.update(repeating: JumpEntry(), count: JumpCache.entries)
  }
}
