// What becomes of a request: its first operation, and what follows each operation's result.

import BlockModel
import System
import Virtqueue

extension BlockEngine {
  /// Looks at the chain and queues the first operation, or ends the request.
  mutating func begin(_ slot: Int, _ chain: borrowing DescriptorChain) throws(BlockRefusal) {
    let words = Self.words(chain, at: 0)
    let header = RequestHeader(words: words.0, words.1)
    let limits = disk.geometry.limits
    switch try limits.check(header, readable: chain.readableBytes, writable: chain.writableBytes) {
    case .read(let offset, let count):
      let pieces = chain.writablePieces(at: 0, count: count, into: storage(slot))
      try transfer(slot, .read, pieces, at: offset, count)
    case .write(let offset, let count):
      let pieces = chain.readablePieces(at: RequestHeader.size, count: count, into: storage(slot))
      try transfer(slot, .write, pieces, at: offset, count)
    case .flush:
      set(slot, .flush, .flush)
      operations.sync(slot)
    case .identify(let count):
      _ = identity.bytes.withUnsafeBytes { chain.write(at: 0, from: .init(rebasing: $0.prefix(count))) }
      end(slot, .done, written: count + 1 == chain.writableBytes ? UInt32(count + 1) : UInt32(count))
    case .discard:
      try range(slot, .discard, try limits.check(Self.segment(chain), discards: true))
    case .writeZeroes:
      try range(slot, .writeZeroes, try limits.check(Self.segment(chain), discards: false))
    }
  }

  /// The result of the slot's operation is there: goes on with what is left, or ends the request.
  mutating func step(_ slot: Int, _ value: Int) {
    switch requests[slot].step {
    case .transfer: moved(slot, value)
    case .flush, .settle: value < 0 ? fail(slot, value) : succeed(slot)
    // Discarding is a hint: a disk that cannot do it has obeyed all the same.
    case .discard: value < 0 && !ZeroSource.isUnsupported(value) ? fail(slot, value) : settle(slot)
    case .zero(let mode): zeroed(slot, mode, value)
    }
  }

  private mutating func transfer(
    _ slot: Int, _ operation: DiskOperation, _ pieces: Int?, at offset: Int64, _ count: Int
  ) throws(BlockRefusal) {
    guard count > 0 else { return succeed(slot) }
    // Cannot be: a chain has no more segments than a slot.
    guard let pieces else { throw .tooLong }
    set(slot, operation, .transfer)
    requests[slot].segmentCount = pieces
    requests[slot].offset = offset
    requests[slot].left = Int64(count)
    move(slot)
  }

  /// Queues the operation that moves what is left.
  private mutating func move(_ slot: Int) {
    let request = requests + slot
    let write = request.pointee.operation != .read
    guard request.pointee.isAligned(memory: disk.memoryMask, offset: disk.offsetMask) else {
      return bounceAll(slot)
    }
    operations.transfer(
      slot, write: write, request.pointee.segments, request.pointee.segmentCount, at: request.pointee.offset,
      stable: write && writesThrough)
  }

  private mutating func moved(_ slot: Int, _ value: Int) {
    if value == -Int(Errno.interrupted) { return move(slot) }
    // Nothing more to read: the file is shorter than it was.
    guard value > 0 else { return fail(slot, value) }
    requests[slot].advance(value)
    if requests[slot].operation == .read { bytesRead &+= UInt64(value) } else { bytesWritten &+= UInt64(value) }
    goOn(slot)
  }

  /// With what is left of the data, if anything is.
  mutating func goOn(_ slot: Int) {
    guard requests[slot].left > 0 else { return succeed(slot) }
    requests[slot].operation == .writeZeroes ? writeZeroes(slot) : move(slot)
  }

  private mutating func range(_ slot: Int, _ operation: DiskOperation, _ range: DiskRange) throws(BlockRefusal) {
    requests[slot].offset = range.offset
    requests[slot].left = range.count
    if operation == .discard {
      set(slot, operation, .discard)
      operations.allocate(slot, mode: ZeroMode.hole.mode, at: range.offset, count: range.count)
    } else {
      set(slot, operation, .zero(.bytes))
      zero(slot, zeroes.best(mayUnmap: range.mayUnmap))
    }
  }

  private mutating func zero(_ slot: Int, _ mode: ZeroMode) {
    guard mode != .bytes else { return writeZeroes(slot) }
    requests[slot].step = .zero(mode)
    operations.allocate(slot, mode: mode.mode, at: requests[slot].offset, count: requests[slot].left)
  }

  private mutating func zeroed(_ slot: Int, _ mode: ZeroMode, _ value: Int) {
    guard value < 0 else { return settle(slot) }
    guard ZeroSource.isUnsupported(value) else { return fail(slot, value) }
    zero(slot, zeroes.next(after: mode, value))
  }

  private mutating func writeZeroes(_ slot: Int) {
    guard let pieces = zeroes.pieces(requests[slot].left, into: storage(slot)) else {
      return fail(slot, -Int(Errno.noMemory))
    }
    requests[slot].step = .transfer
    requests[slot].segments = segments + slot * Self.chainCapacity
    requests[slot].segmentCount = pieces
    move(slot)
  }

  /// A changed range is stable when the request ends, if writes are to be.
  private mutating func settle(_ slot: Int) {
    guard writesThrough else { return succeed(slot) }
    requests[slot].step = .settle
    operations.sync(slot)
  }

  private mutating func set(_ slot: Int, _ operation: DiskOperation, _ step: RequestStep) {
    requests[slot].operation = operation
    requests[slot].step = step
    requests[slot].segments = segments + slot * Self.chainCapacity
  }

  private func storage(_ slot: Int) -> UnsafeMutableBufferPointer<Segment> {
    .init(start: segments + slot * Self.chainCapacity, count: Self.chainCapacity)
  }

  /// 16 bytes of the readable part as two words; zeroes where it ends early.
  private static func words(_ chain: borrowing DescriptorChain, at offset: Int) -> (UInt64, UInt64) {
    var words: (UInt64, UInt64) = (0, 0)
    _ = withUnsafeMutableBytes(of: &words) { chain.read(at: offset, into: $0) }
    return (UInt64(littleEndian: words.0), UInt64(littleEndian: words.1))
  }

  private static func segment(_ chain: borrowing DescriptorChain) -> RangeSegment {
    let words = words(chain, at: RequestHeader.size)
    return RangeSegment(words: words.0, words.1)
  }
}

extension Request {
  /// The request in `chain`, not yet looked at.
  init(_ chain: borrowing DescriptorChain, queue: Int) {
    token = chain.token
    self.queue = queue
    operation = .read
    step = .transfer
    segments = chain.segments
    writable = UInt32(clamping: chain.writableBytes)
    let last = chain.writable.last
    status = last.map { ($0.base + ($0.count - 1)).assumingMemoryBound(to: UInt8.self) }
  }
}
