import CCompression
import Machine
import System

// The one place of the loader that touches guest RAM: every method takes guest physical addresses and checks them
// against the RAM layout before a pointer is made. No vCPU runs yet.

/// Guest RAM, mapped.
public struct GuestMemory: ~Copyable {
  /// Bytes of guest RAM.
  public let bytes: UInt64
  private let mapping: Mapping

  /// Maps `bytes` of `descriptor`, which must be a memfd that can no longer shrink: a write beyond its end would be
  /// the end of this process.
  public init(_ descriptor: borrowing FileDescriptor, bytes: UInt64) throws(LoadError) {
    guard bytes > 0, bytes <= MachineLimits.maximumRAM else { throw .machine(.tooMuchRAM(bytes)) }
    let mapped = try GuestMemory.map(descriptor, size: Int(bytes))
    self.bytes = bytes
    mapping = mapped
  }

  private static func map(_ descriptor: borrowing FileDescriptor, size: Int) throws(LoadError) -> Mapping {
    do throws(SystemError) {
      try MemoryFile.requireSealed(descriptor, size: size)
      return try Mapping.guestRAM(descriptor, size: size)
    } catch {
      throw .system("guest RAM", error)
    }
  }

  /// The host bytes of `range`; the range must be RAM in one piece.
  private borrowing func buffer(_ range: AddressRange) throws(LoadError) -> UnsafeMutableRawBufferPointer {
    guard let offset = RAMLayout.fileOffset(of: range, bytes: bytes) else {
      throw .internalFault("a write outside of guest RAM")
    }
    // In bounds: fileOffset has checked that the range lies in the `bytes` that are mapped.
    return unsafe UnsafeMutableRawBufferPointer(start: mapping.base + Int(offset), count: Int(range.size))
  }

  /// Copies `blob` to its place.
  public borrowing func write(_ blob: Blob) throws(LoadError) {
    guard !blob.bytes.isEmpty else { return }
    let target = unsafe try buffer(blob.range)
    unsafe target.copyBytes(from: blob.bytes)
  }

  /// Fills `range` with zeros.
  public borrowing func zero(_ range: AddressRange) throws(LoadError) {
    guard range.size > 0 else { return }
    let target = unsafe try buffer(range)
    unsafe target.initializeMemory(as: UInt8.self, repeating: 0)
  }

  /// Reads `range.size` bytes of `file` from `offset` to their place.
  public borrowing func read(_ file: ImageFile, at offset: Int, to range: AddressRange) throws(LoadError) {
    guard range.size > 0 else { return }
    let target = unsafe try buffer(range)
    unsafe try file.read(at: offset, into: target)
  }

  /// The first bytes of `range`, at most `count`.
  public borrowing func head(of range: AddressRange, _ count: Int) throws(LoadError) -> [UInt8] {
    let source = unsafe try buffer(range)
    return unsafe Array(source.prefix(count))
  }

  /// Moves `size` bytes; the two places may overlap.
  public borrowing func move(_ size: UInt64, from source: UInt64, to target: UInt64) throws(LoadError) {
    guard size > 0, source != target else { return }
    let from = unsafe try buffer(AddressRange(source, size))
    let to = unsafe try buffer(AddressRange(target, size))
    unsafe to.copyMemory(from: UnsafeRawBufferPointer(from))
  }

  /// Unpacks `payload` of `file` to `range` and returns how many bytes that gave. The packed bytes are held meanwhile.
  public borrowing func unpack(
    _ payload: PackedPayload, of file: ImageFile, to range: AddressRange
  ) throws(LoadError) -> UInt64 {
    let packed = try GuestMemory.scratch(size: payload.size)
    unsafe try file.read(
      at: payload.offset, into: UnsafeMutableRawBufferPointer(start: packed.base, count: payload.size))
    let target = unsafe try buffer(range)
    var produced: UInt = 0
    let unpack = unsafe payload.compression == .zstd ? atoll_unpack_zstd : atoll_unpack_gzip
    let result = unsafe unpack(packed.base, UInt(payload.size), target.baseAddress, UInt(target.count), &produced)
    try check(result, payload.compression)
    return UInt64(produced)
  }

  private static func scratch(size: Int) throws(LoadError) -> Mapping {
    do throws(SystemError) { return try Mapping.anonymous(size: size) } catch {
      throw .system("packed kernel", error)
    }
  }

  private borrowing func check(_ result: Int32, _ compression: Compression) throws(LoadError) {
    switch result {
    case ATOLL_UNPACKED: return
    case ATOLL_UNPACK_TRUNCATED: throw .truncatedPayload(compression)
    case ATOLL_UNPACK_TOO_LARGE: throw .payloadDoesNotFit(ramBytes: bytes)
    case ATOLL_UNPACK_NO_MEMORY: throw .system("kernel payload", SystemError("malloc", Errno.noMemory))
    default: throw .damagedPayload(compression)
    }
  }
}
