// From a request's shape to what the disk has to do, or why it will not. Every check of a request is in this file.

/// A request that was found in order, in terms of the file.
public enum BlockCommand: Equatable, Sendable {
  /// Fill `count` bytes of data, which may be 0, from byte `offset`.
  case read(offset: Int64, count: Int)
  /// Store `count` bytes of data, which may be 0, at byte `offset`.
  case write(offset: Int64, count: Int)
  /// Make completed writes stable.
  case flush
  /// Copy the identity into the first `count` bytes of data, at most 20.
  case identify(count: Int)
  /// Look at the one `RangeSegment` in the data, with `BlockLimits.check(_:discards:)`.
  case discard
  /// The same for a range that becomes zeroes.
  case writeZeroes
}

/// Why a request was refused. None of these is the disk's fault: a driver that keeps to the configuration space meets none.
public enum BlockRefusal: UInt8, Error, Sendable, CaseIterable {
  case noStatusByte, shortHeader, unknownType, readOnly, unevenLength, beyondEnd, tooLong, wrongDirection, wrongRanges,
    unknownFlag, emptyRange, rangeTooLong

  /// What the guest's driver did, to follow "the guest".
  public var sentence: String {
    switch self {
    case .noStatusByte: "left no room for a status byte"
    case .shortHeader: "sent a request header shorter than 16 bytes"
    case .unknownType: "sent a request of a type that this disk does not have"
    case .readOnly: "tried to change a read-only disk"
    case .unevenLength: "sent data that is no whole number of sectors"
    case .beyondEnd: "went beyond the disk's end"
    case .tooLong: "sent more than 1 GiB of data in one request"
    case .wrongDirection: "sent data in the wrong direction"
    case .wrongRanges: "sent other than one range to discard or to zero"
    case .unknownFlag: "sent a flag that this disk does not have"
    case .emptyRange: "sent an empty range to discard or to zero"
    case .rangeTooLong: "sent a range longer than the limit in the configuration space"
    }
  }

  /// What the driver is told.
  public var status: RequestStatus {
    switch self {
    case .unknownType, .wrongRanges, .unknownFlag: .unsupported
    default: .failed
    }
  }
}

/// What requests are checked against: the disk as its configuration space describes it.
public struct BlockLimits: Equatable, Sendable {
  /// Most bytes of data in one request. Firmware sends up to 1 GiB at once; a chain that names the same memory again and
  /// again could otherwise keep the disk busy for hours.
  public static let requestBytes = 1 << 30
  /// Most sectors in one range to discard or to zero: 2 GiB.
  public static let rangeSectors: UInt32 = 1 << 22

  /// Sectors of 512 bytes, at most 2^54.
  public let capacity: UInt64
  /// Whether every request that changes the disk fails.
  public let readOnly: Bool

  /// Limits of a disk of `bytes`, rounded down to whole sectors.
  public init(bytes: Int64, readOnly: Bool) {
    self.capacity = UInt64(max(0, bytes)) >> UInt64(Sector.shift)
    self.readOnly = readOnly
  }

  /// Checks a request with `readable` and `writable` bytes in all, header and status byte included.
  public func check(_ header: RequestHeader, readable: Int, writable: Int) throws(BlockRefusal) -> BlockCommand {
    guard writable >= 1 else { throw .noStatusByte }
    guard readable >= RequestHeader.size else { throw .shortHeader }
    let sent = readable - RequestHeader.size
    let room = writable - 1
    switch header.type {
    case RequestType.read:
      guard sent == 0 else { throw .wrongDirection }
      return .read(offset: try place(header.sector, room), count: room)
    case RequestType.write:
      guard !readOnly else { throw .readOnly }
      guard room == 0 else { throw .wrongDirection }
      return .write(offset: try place(header.sector, sent), count: sent)
    // Anything may come with it (Linux sends nothing, others a sector number): it is not looked at.
    case RequestType.flush: return .flush
    case RequestType.identify: return .identify(count: min(room, DiskIdentity.size))
    case RequestType.discard, RequestType.writeZeroes:
      guard !readOnly else { throw .readOnly }
      guard sent == RangeSegment.size else { throw .wrongRanges }
      return header.type == RequestType.discard ? .discard : .writeZeroes
    default: throw .unknownType
    }
  }

  /// The byte offset of `sector`, when `count` bytes from there are whole sectors inside the disk.
  private func place(_ sector: UInt64, _ count: Int) throws(BlockRefusal) -> Int64 {
    guard count <= Self.requestBytes else { throw .tooLong }
    guard count & (Sector.size - 1) == 0 else { throw .unevenLength }
    let sectors = UInt64(count) >> UInt64(Sector.shift)
    guard sector <= capacity, sectors <= capacity - sector else { throw .beyondEnd }
    return Int64(sector << UInt64(Sector.shift))
  }
}
