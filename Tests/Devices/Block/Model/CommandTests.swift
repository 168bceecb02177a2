@testable import BlockModel
import Testing

/// A disk of 100 sectors.
private let disk = BlockLimits(bytes: 100 * 512, readOnly: false)
private let readOnlyDisk = BlockLimits(bytes: 100 * 512, readOnly: true)

private func check(
  _ type: UInt32, sector: UInt64 = 0, readable: Int = 16, writable: Int = 1, on limits: BlockLimits = disk
) -> Result<BlockCommand, BlockRefusal> {
  do throws(BlockRefusal) {
    return .success(try limits.check(RequestHeader(type: type, sector: sector), readable: readable, writable: writable))
  } catch {
    return .failure(error)
  }
}

@Suite("Requests")
struct CommandTests {
  @Test("a header is type, 4 bytes that do not count, and sector, little endian")
  func header() {
    let header = RequestHeader(words: 0xdead_beef_0000_0001, 0x0102_0304_0506_0708)

    #expect(header == RequestHeader(type: 1, sector: 0x0102_0304_0506_0708))
  }

  @Test(
    "a read or write inside the disk is accepted",
    arguments: [(0, 512), (0, 100 * 512), (99, 512), (100, 0), (50, 0), (1, 99 * 512)] as [(UInt64, Int)])
  func inside(sector: UInt64, count: Int) {
    let offset = Int64(sector) * 512

    #expect(check(0, sector: sector, writable: count + 1) == .success(.read(offset: offset, count: count)))
    #expect(check(1, sector: sector, readable: 16 + count) == .success(.write(offset: offset, count: count)))
  }

  @Test(
    "a read or write beyond the end, uneven or far too long is refused",
    arguments: [
      (100, 512, .beyondEnd), (99, 1024, .beyondEnd), (0, 101 * 512, .beyondEnd), (101, 0, .beyondEnd),
      (.max, 512, .beyondEnd), (1 << 55, 512, .beyondEnd), (.max - 1, 100 * 512, .beyondEnd),
      (0, 1, .unevenLength), (0, 511, .unevenLength), (0, 513, .unevenLength),
      (0, 1 << 30 | 512, .tooLong), (0, 1 << 40, .tooLong),
    ] as [(UInt64, Int, BlockRefusal)])
  func outside(sector: UInt64, count: Int, refusal: BlockRefusal) {
    #expect(check(0, sector: sector, writable: count + 1) == .failure(refusal))
    #expect(check(1, sector: sector, readable: 16 + count) == .failure(refusal))
    #expect(refusal.status == .failed)
  }

  @Test("a chain without room for header or status is refused", arguments: [0, 1, 4, 8, 11, 13] as [UInt32])
  func shape(type: UInt32) {
    #expect(check(type, readable: 16, writable: 0) == .failure(.noStatusByte))
    #expect(check(type, readable: 15, writable: 1) == .failure(.shortHeader))
    #expect(check(type, readable: 0, writable: 513) == .failure(.shortHeader))
  }

  @Test("data in the wrong direction is refused")
  func direction() {
    #expect(check(0, readable: 16 + 512, writable: 513) == .failure(.wrongDirection))
    #expect(check(1, readable: 16 + 512, writable: 513) == .failure(.wrongDirection))
  }

  @Test("a read-only disk reads, flushes and identifies, and fails what changes it")
  func readOnly() {
    #expect(check(0, writable: 513, on: readOnlyDisk) == .success(.read(offset: 0, count: 512)))
    #expect(check(4, on: readOnlyDisk) == .success(.flush))
    #expect(check(8, writable: 21, on: readOnlyDisk) == .success(.identify(count: 20)))
    for type in [1, 11, 13] as [UInt32] {
      #expect(check(type, readable: 32, on: readOnlyDisk) == .failure(.readOnly))
    }
    #expect(BlockRefusal.readOnly.status == .failed)
  }

  @Test("a flush takes whatever comes with it")
  func flush() {
    #expect(check(4, sector: .max, readable: 16 + 77, writable: 3) == .success(.flush))
  }

  @Test(
    "the identity goes into as many bytes as there are, at most 20", arguments: [(1, 0), (20, 19), (21, 20), (513, 20)])
  func identify(writable: Int, count: Int) {
    #expect(check(8, writable: writable) == .success(.identify(count: count)))
  }

  @Test("discard and write-zeroes take exactly one range", arguments: [11, 13] as [UInt32])
  func ranges(type: UInt32) {
    #expect(check(type, readable: 32) == .success(type == 11 ? .discard : .writeZeroes))
    for readable in [16, 31, 33, 48] { #expect(check(type, readable: readable) == .failure(.wrongRanges)) }
    #expect(BlockRefusal.wrongRanges.status == .unsupported)
  }

  @Test(
    "types that this disk does not have are unsupported",
    arguments: [2, 3, 5, 10, 14, 15, 16, 26, 1 << 31, .max] as [UInt32])
  func unknown(type: UInt32) {
    #expect(check(type, readable: 32, writable: 513) == .failure(.unknownType))
    #expect(BlockRefusal.unknownType.status == .unsupported)
  }
}

@Suite("Ranges to discard or to zero")
struct RangeTests {
  private func check(_ segment: RangeSegment, discards: Bool) -> Result<DiskRange, BlockRefusal> {
    do throws(BlockRefusal) { return .success(try disk.check(segment, discards: discards)) } catch {
      return .failure(error)
    }
  }

  @Test("a range is sector, count and flags, little endian")
  func layout() {
    let segment = RangeSegment(words: 0x0102_0304_0506_0708, 0x0000_0001_0000_0005)

    #expect(segment == RangeSegment(sector: 0x0102_0304_0506_0708, count: 5, flags: 1))
  }

  @Test("the unmap flag is for write-zeroes only; no other flag is known")
  func flags() {
    let plain = RangeSegment(sector: 2, count: 3, flags: 0)
    let unmap = RangeSegment(sector: 2, count: 3, flags: 1)
    let other = RangeSegment(sector: 2, count: 3, flags: 2)

    #expect(check(plain, discards: true) == .success(DiskRange(offset: 1024, count: 1536, mayUnmap: true)))
    #expect(check(plain, discards: false) == .success(DiskRange(offset: 1024, count: 1536, mayUnmap: false)))
    #expect(check(unmap, discards: false) == .success(DiskRange(offset: 1024, count: 1536, mayUnmap: true)))
    #expect(check(unmap, discards: true) == .failure(.unknownFlag))
    #expect(check(other, discards: false) == .failure(.unknownFlag))
    #expect(BlockRefusal.unknownFlag.status == .unsupported)
  }

  @Test(
    "a range that is empty, too long or beyond the end is refused",
    arguments: [
      (0, 0, .emptyRange), (0, 101, .beyondEnd), (100, 1, .beyondEnd), (.max, 1, .beyondEnd), (99, 2, .beyondEnd),
      (0, BlockLimits.rangeSectors + 1, .rangeTooLong), (0, .max, .rangeTooLong),
    ] as [(UInt64, UInt32, BlockRefusal)])
  func bounds(sector: UInt64, count: UInt32, refusal: BlockRefusal) {
    for discards in [true, false] {
      #expect(check(RangeSegment(sector: sector, count: count, flags: 0), discards: discards) == .failure(refusal))
    }
  }
}
