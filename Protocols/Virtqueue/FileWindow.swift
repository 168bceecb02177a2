import CSystem
import System

/// What is wrong with memory that a front-end offers.
public enum MemoryError: Error, Sendable, Equatable {
  /// A region is empty, wraps around, or is larger than the address space.
  case badRange
  /// Two regions share guest or user addresses.
  case overlap
  /// More than `GuestMemory.maximumRegions`.
  case tooMany
  /// The file ends before the region does: touching the rest would kill the process.
  case fileTooShort
  /// The file can still be made shorter, and the caller insists that it cannot.
  case notSealed
  /// No region like the one that is to be removed.
  case unknownRegion
  /// The host refused to look at the file or to map it.
  case host(SystemError)

  /// One sentence.
  public var sentence: String {
    switch self {
    case .badRange: "a memory region is empty or wraps around"
    case .overlap: "two memory regions overlap"
    case .tooMany: "there are more than \(GuestMemory.maximumRegions) memory regions"
    case .fileTooShort: "the file of a memory region ends before the region does"
    case .notSealed: "the file of a memory region can still shrink"
    case .unknownRegion: "a memory region is to be removed that is not there"
    case .host(let error): "a memory region cannot be mapped: \(error.sentence)"
    }
  }
}

/// Part of somebody else's file, mapped so that no access can fault: the file is long enough, and cannot shrink where the
/// kernel lets anyone promise that.
struct FileWindow {
  /// The first byte that was asked for.
  let base: UnsafeMutableRawPointer
  private let mapping: UnsafeMutableRawPointer
  private let mappedBytes: Int

  /// Maps `size` bytes from `offset`. The descriptor stays the caller's, and may be closed at once.
  ///
  /// A memfd whose seals are still open is sealed against shrinking here. An ordinary file (QEMU's memory-backend-file) has
  /// no seals: with `sealed` it is refused, without it the size now must do, and its owner can kill this process.
  init(_ descriptor: Int32, offset: UInt64, size: UInt64, sealed: Bool) throws(MemoryError) {
    let page = UInt64(Process.pageSize)
    let (end, overflow) = offset.addingReportingOverflow(size)
    guard size > 0, !overflow, end <= UInt64(Int.max) - page else { throw .badRange }
    try FileWindow.check(descriptor, end: end, sealed: sealed)
    let slack = offset & (page - 1)
    var error: Int32 = 0
    guard
      let mapping = atoll_map(
        descriptor, UInt(size + slack), UInt(offset - slack), Protection.readWrite.rawValue, &error)
    else { throw .host(SystemError("mmap", error)) }
    self.mapping = mapping
    mappedBytes = Int(size + slack)
    base = mapping + Int(slack)
  }

  /// Ends the mapping. Nothing may point into it any more.
  func unmap() { _ = atoll_unmap(mapping, UInt(mappedBytes)) }

  // The seal first: the size is read when it can no longer fall.
  private static func check(_ descriptor: Int32, end: UInt64, sealed: Bool) throws(MemoryError) {
    let isSealed = atoll_seal_shrink(descriptor)
    guard isSealed >= 0 else { throw .host(SystemError("fcntl", -isSealed)) }
    guard isSealed == 1 || !sealed else { throw .notSealed }
    let length = atoll_file_size(descriptor)
    guard length >= 0 else { throw .host(SystemError("fstat", Int32(truncatingIfNeeded: 0 - length))) }
    guard UInt64(length) >= end else { throw .fileTooShort }
  }
}
