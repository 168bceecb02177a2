/// Names a popped chain until it is pushed. Fits the 64-bit user data of an io_uring request.
public struct ChainToken: Sendable, Equatable {
  /// The whole token.
  public let rawValue: UInt64

  /// A token from the number that was kept of it.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  // The number of the chain in the low 48 bits of its counter, so that a token that is pushed twice is seen.
  init(slot: UInt16, serial: UInt64) { rawValue = serial << 16 | UInt64(slot) }
  var slot: UInt16 { UInt16(truncatingIfNeeded: rawValue) }
  func matches(_ serial: UInt64) -> Bool { rawValue >> 16 == serial & (1 << 48 - 1) }
}

/// Storage for one chain at a time: checked, in host addresses, readable segments first.
///
/// Its descriptors have been read once and are not looked at again. The bytes that it points at are the guest's to change at
/// any time.
public struct DescriptorChain: ~Copyable {
  /// Segments, and descriptors, that fit; a longer chain is refused when it is popped.
  public let capacity: Int
  /// Readable segments, then writable ones; as many as the two counts say. Valid until the next pop and only while the
  /// chain is outstanding.
  public let segments: UnsafeMutablePointer<Segment>
  /// Segments that the device reads.
  public private(set) var readableCount = 0
  /// Segments that the device writes.
  public private(set) var writableCount = 0
  /// Bytes in the readable segments.
  public private(set) var readableBytes = 0
  /// Bytes in the writable segments.
  public private(set) var writableBytes = 0
  /// What `push` wants back.
  public internal(set) var token = ChainToken(rawValue: 0)
  /// Where the next used element goes, as it was when the chain was popped: changes with every push. A device that has one
  /// chain of a ring at a time, and notes this where it outlives the process, knows the chain again after a restart.
  public internal(set) var usedPlace: UInt16 = 0
  private var descriptors = 0

  /// Storage for chains of up to `capacity` descriptors; 1024 is what the kernel takes in one call (IOV_MAX).
  public init(capacity: Int = 1024) {
    self.capacity = max(capacity, 1)
    segments = .allocate(capacity: self.capacity)
  }

  deinit { segments.deallocate() }

  /// The readable segments.
  public var readable: UnsafeMutableBufferPointer<Segment> { .init(start: segments, count: readableCount) }
  /// The writable segments.
  public var writable: UnsafeMutableBufferPointer<Segment> {
    .init(start: segments + readableCount, count: writableCount)
  }

  mutating func clear() {
    (readableCount, writableCount, readableBytes, writableBytes, descriptors) = (0, 0, 0, 0, 0)
  }

  /// Takes one descriptor in: at the end of what is there, in as many segments as it touches regions. One of no bytes
  /// counts as a descriptor and is nothing else.
  mutating func append(
    _ descriptor: Descriptor, _ memory: UnsafeMutablePointer<GuestMemory.Table>
  ) throws(VirtqueueError) {
    descriptors += 1
    guard descriptors <= capacity else { throw .tooManyDescriptors }
    if descriptor.isWritable {
      writableBytes += Int(descriptor.length)
    } else {
      // Writable descriptors of no bytes leave no trace; what they would order has no bytes either.
      guard writableCount == 0 else { throw .readableAfterWritable }
      readableBytes += Int(descriptor.length)
    }
    guard readableBytes + writableBytes <= 1 << 32 else { throw .tooLong }
    try appendSegments(descriptor, memory)
  }

  private mutating func appendSegments(
    _ descriptor: Descriptor, _ memory: UnsafeMutablePointer<GuestMemory.Table>
  ) throws(VirtqueueError) {
    var address = descriptor.address
    var left = UInt64(descriptor.length)
    guard !address.addingReportingOverflow(left).overflow else { throw .addressOutOfRange(address) }
    while left > 0 {
      guard let segment = memory.pointee.stretch(address, left) else { throw .addressOutOfRange(address) }
      let count = readableCount + writableCount
      guard count < capacity else { throw .tooManyDescriptors }
      (segments + count).initialize(to: segment)
      if descriptor.isWritable { writableCount += 1 } else { readableCount += 1 }
      address += UInt64(segment.count)
      left -= UInt64(segment.count)
    }
  }
}

extension DescriptorChain {
  /// Copies bytes out of the readable part, from `offset` on; returns how many, less than asked for at the end of the part.
  public borrowing func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let target = buffer.baseAddress else { return 0 }
    return DescriptorChain.stretches(readable, offset, buffer.count) { segment, done in
      (target + done).copyMemory(from: segment.base, byteCount: segment.count)
    }
  }

  /// Copies bytes into the writable part, from `offset` on; returns how many, less than asked for at the end of the part.
  public borrowing func write(at offset: Int, from buffer: UnsafeRawBufferPointer) -> Int {
    guard let source = buffer.baseAddress else { return 0 }
    return DescriptorChain.stretches(writable, offset, buffer.count) { segment, done in
      segment.base.copyMemory(from: source + done, byteCount: segment.count)
    }
  }

  /// Fills bytes of the writable part with one value; returns how many.
  public borrowing func fill(at offset: Int, count: Int, with value: UInt8) -> Int {
    DescriptorChain.stretches(writable, offset, count) { segment, _ in
      segment.base.initializeMemory(as: UInt8.self, repeating: value, count: segment.count)
    }
  }

  /// Puts the pieces of the readable part from `offset` on, at most `count` bytes, into `pieces`; returns how many pieces,
  /// or nil if `pieces` is too small.
  public borrowing func readablePieces(
    at offset: Int, count: Int, into pieces: UnsafeMutableBufferPointer<Segment>
  ) -> Int? { DescriptorChain.pieces(readable, offset, count, pieces) }

  /// Puts the pieces of the writable part from `offset` on, at most `count` bytes, into `pieces`; returns how many pieces,
  /// or nil if `pieces` is too small.
  public borrowing func writablePieces(
    at offset: Int, count: Int, into pieces: UnsafeMutableBufferPointer<Segment>
  ) -> Int? { DescriptorChain.pieces(writable, offset, count, pieces) }

  private static func pieces(
    _ part: UnsafeMutableBufferPointer<Segment>, _ offset: Int, _ count: Int,
    _ pieces: UnsafeMutableBufferPointer<Segment>
  ) -> Int? {
    var used = 0
    _ = stretches(part, offset, count) { segment, _ in
      if used < pieces.count { pieces[used] = segment }
      used += 1
    }
    return used <= pieces.count ? used : nil
  }

  /// Calls `body` with each stretch of `part` from `offset` on, at most `count` bytes; returns the bytes.
  private static func stretches(
    _ part: UnsafeMutableBufferPointer<Segment>, _ offset: Int, _ count: Int, _ body: (Segment, _ done: Int) -> Void
  ) -> Int {
    guard offset >= 0 else { return 0 }
    var (skip, done) = (offset, 0)
    for segment in part {
      if done >= count { break }
      if skip >= segment.count {
        skip -= segment.count
        continue
      }
      let length = min(segment.count - skip, count - done)
      body(Segment(base: segment.base + skip, count: length), done)
      done += length
      skip = 0
    }
    return done
  }
}
