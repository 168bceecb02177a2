// The language in which fuzz inputs and recorded sessions drive a device model.

import DeviceModel

/// One thing that happens to a device.
public enum DeviceOperation: Equatable, Sendable {
  /// A guest load.
  case read(Access)
  /// A guest store.
  case write(Access, UInt64)
  /// Bytes from the back-end; as many of them as the model takes.
  case receive([UInt8])
  /// Room in the back-end, in bytes.
  case outputRoom(UInt16)
  /// Both clocks advance by this many nanoseconds.
  case wait(Int64)
  /// The host's realtime is set, by so many nanoseconds more.
  case setClock(Int64)
  /// `elapse` at the present time, or at the model's deadline where it lies ahead.
  case elapse
  /// The power button.
  case hostEvent
  /// The process dies and a new incarnation takes over.
  case restart
  /// The saved state was tampered with: the byte at this place, modulo the state's size, is exchanged.
  case tamper(place: UInt16, value: UInt8)

  /// A guest's load or store.
  public var isAccess: Bool {
    switch self {
    case .read, .write: true
    default: false
    }
  }

  /// Reads one operation for a device with these regions; nil at the end of the input.
  public init?(from source: inout ByteSource, regions: [RegionLayout]) {
    guard !source.isEmpty else { return nil }
    switch source.byte() % 10 {
    case 0: self = .read(source.access(regions))
    case 1: self = .write(source.access(regions), source.integer(UInt64.self))
    case 2: self = .write(source.access(regions), UInt64(source.byte()))
    case 3: self = .receive(source.bytes(Int(source.byte() & 31)))
    case 4: self = .outputRoom(source.integer(UInt16.self))
    case 5: self = .wait(source.duration() & .max)
    case 6: self = .setClock(source.duration())
    case 7: self = .elapse
    case 8: self = source.byte() & 1 == 0 ? .restart : .hostEvent
    default: self = .tamper(place: source.integer(UInt16.self), value: source.byte())
    }
  }

  /// The bytes that `init(from:regions:)` reads as this operation. Received bytes beyond 31 are left out, and times are rounded
  /// to 16 significant bits.
  public var encoded: [UInt8] {
    switch self {
    case .read(let access): [0] + access.encoded
    case .write(let access, let value) where value < 256: [2] + access.encoded + [UInt8(value)]
    case .write(let access, let value): [1] + access.encoded + littleEndian(value)
    case .receive(let bytes): [3, UInt8(min(bytes.count, 31))] + bytes.prefix(31)
    case .outputRoom(let room): [4] + littleEndian(room)
    case .wait(let time): [5] + encode(duration: time)
    case .setClock(let time): [6] + encode(duration: time)
    case .elapse: [7]
    case .restart: [8, 0]
    case .hostEvent: [8, 1]
    case .tamper(let place, let value): [9] + littleEndian(place) + [value]
    }
  }
}

extension ByteSource {
  /// An access inside one of `regions`.
  mutating func access(_ regions: [RegionLayout]) -> Access {
    let selector = byte()
    let region = Int(selector & 0x0f) % regions.count
    let size = UInt8(1) << (selector >> 4 & 3)
    let offset = UInt32(byte()) % (regions[region].size - UInt32(size) + 1)
    return Access(region: UInt8(region), offset: offset, size: size)
  }

  /// Nanoseconds: 16 bits, signed, times a power of two, so that a mutation finds microseconds as easily as years.
  mutating func duration() -> Int64 {
    let shift = byte() % 48
    return Int64(integer(Int16.self)) << Int64(shift)
  }
}

extension Access {
  fileprivate var encoded: [UInt8] {
    [region | UInt8(size.trailingZeroBitCount) << 4, UInt8(truncatingIfNeeded: offset)]
  }
}

private func encode(duration: Int64) -> [UInt8] {
  var shift: UInt8 = 0
  while shift < 47, Int16(exactly: duration >> Int64(shift)) == nil { shift += 1 }
  return [shift] + littleEndian(Int16(truncatingIfNeeded: duration >> Int64(shift)))
}

private func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  stride(from: 0, to: Value.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: value >> $0) }
}
