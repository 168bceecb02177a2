import CSystem
import FlashModel
import System

/// The content of the flash in a file: the firmware's variables, on the host's disk or in memory that outlives this process.
///
/// It is read and written at a position and never mapped, because a file can become shorter under a mapping. A written byte
/// is in the host's page cache before the guest sees the command done; nobody waits for the disk.
final class ContentFile: FlashStore {
  private static let pageSize = 4096

  let size: UInt32
  private let descriptor: FileDescriptor
  /// The page that was read last, because a guest reads a word at a time; `.max` for none.
  private var cachedPage = Int.max
  private var cache = [UInt8](repeating: 0xff, count: ContentFile.pageSize)
  /// Failures of the medium are told once.
  private var hasComplained = false

  /// Takes over a file, of which at most a flash's worth is used.
  init(_ descriptor: consuming FileDescriptor) throws(SystemError) {
    let bytes = try descriptor.fileSize()
    self.descriptor = descriptor
    size = UInt32(clamping: min(bytes, Int(FlashGeometry.window)))
  }

  func load(_ offset: UInt32, count: UInt8) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<UInt32(count) { value |= UInt64(byte(offset + index)) << (8 * UInt64(index)) }
    return value
  }

  private func byte(_ offset: UInt32) -> UInt8 {
    let page = Int(offset) / Self.pageSize
    if page != cachedPage { fill(page) }
    return cache[Int(offset) % Self.pageSize]
  }

  private func fill(_ page: Int) {
    let descriptor = descriptor.raw
    let got = unsafe cache.withUnsafeMutableBytes {
      unsafe atoll_pread(descriptor, $0.baseAddress, UInt(Self.pageSize), page * Self.pageSize)
    }
    cachedPage = got < 0 ? .max : page
    if got < 0 { complain("reading", Int32(truncatingIfNeeded: -got)) }
    // Beyond the end of a file that became shorter, and after an error: as if erased.
    for index in max(0, got)..<Self.pageSize { cache[index] = 0xff }
  }

  func program(_ offset: UInt32, _ bytes: borrowing FlashBuffer, count: Int) -> Bool {
    var merged = [UInt8](repeating: 0, count: count)
    for index in 0..<count { merged[index] = byte(offset + UInt32(index)) & bytes[index] }
    return write(merged, at: offset)
  }

  func erase(_ offset: UInt32, count: UInt32) -> Bool {
    let blank = [UInt8](repeating: 0xff, count: 16 << 10)
    var at = offset
    let end = offset + count
    while at < end {
      guard write(Array(blank.prefix(Int(min(end - at, 16 << 10)))), at: at) else { return false }
      at += min(end - at, 16 << 10)
    }
    return true
  }

  private func write(_ bytes: [UInt8], at offset: UInt32) -> Bool {
    cachedPage = .max
    let descriptor = descriptor.raw
    let result = unsafe bytes.withUnsafeBytes {
      unsafe atoll_content_write(descriptor, $0.baseAddress, UInt($0.count), Int(offset))
    }
    if result < 0 { complain("writing", -result) }
    return result >= 0
  }

  private func complain(_ what: StaticString, _ error: Int32) {
    guard !hasComplained else { return }
    hasComplained = true
    Log.line(
      "atoll-flash: \(what.text) the firmware's variables: \(Errno.text(error)); there will be no more lines about this"
    )
  }
}
