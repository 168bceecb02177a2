import DeviceModel

/// A device whose registers tell on anyone who loses, repeats or reorders an access.
///
/// Region 0, 32 bytes: load 0: how many accesses so far, this one included. Store 8: a byte for the back-end, lost if the queue
/// is full. Load 16: free places of that queue. Load 24: the next byte from the back-end with bit 8 set, or 0.
/// Region 1, 8 bytes, posted: store: folds the value into a sum, 0xdead also powers off. Load: the sum.
public struct TallyDevice: DeviceModel, Sendable {
  public static var regions: [RegionLayout] {
    [RegionLayout(size: 32, posted: false), RegionLayout(size: 8, posted: true)]
  }
  public static var stateSize: Int { 64 }

  var accesses: UInt64 = 0
  var sum: UInt64 = 0
  var output = InlineArray<16, UInt8>(repeating: 0)
  var outputCount: UInt8 = 0
  var input = InlineArray<16, UInt8>(repeating: 0)
  var inputCount: UInt8 = 0
  var room = 0

  public init(at now: Instant) {}

  public init(restoring bytes: RawSpan, at now: Instant) throws(StateError) {
    guard bytes.byteCount >= Self.stateSize else { throw .truncated }
    func word(_ index: Int) -> UInt64 {
      var value: UInt64 = 0
      for i in 0..<8 {
        value |= UInt64(bytes.unsafeLoad(fromByteOffset: index * 8 + i, as: UInt8.self)) << UInt64(8 * i)
      }
      return value
    }
    (accesses, sum) = (word(0), word(1))
    guard word(2) <= 16, word(3) <= 16 else { throw .impossible("a queue is longer than it can be") }
    (outputCount, inputCount) = (UInt8(word(2)), UInt8(word(3)))
    for i in 0..<16 {
      output[i] = bytes.unsafeLoad(fromByteOffset: 32 + i, as: UInt8.self)
      input[i] = bytes.unsafeLoad(fromByteOffset: 48 + i, as: UInt8.self)
    }
  }

  public func save(into bytes: inout MutableRawSpan) {
    for (index, word) in [accesses, sum, UInt64(outputCount), UInt64(inputCount)].enumerated() {
      for i in 0..<8 {
        bytes.storeBytes(
          of: UInt8(truncatingIfNeeded: word >> UInt64(8 * i)), toByteOffset: index * 8 + i, as: UInt8.self)
      }
    }
    for i in 0..<16 {
      bytes.storeBytes(of: output[i], toByteOffset: 32 + i, as: UInt8.self)
      bytes.storeBytes(of: input[i], toByteOffset: 48 + i, as: UInt8.self)
    }
  }

  public mutating func read(_ access: Access, at now: Instant, _ effects: inout Effects) -> UInt64 {
    accesses &+= 1
    switch (access.region, access.offset) {
    case (0, 0): return accesses
    case (0, 16): return UInt64(16 - outputCount)
    case (0, 24): return takeInput()
    case (1, _): return sum
    default: return 0
    }
  }

  private mutating func takeInput() -> UInt64 {
    guard inputCount > 0 else { return 0 }
    let first = input[0]
    for i in 1..<16 { input[i - 1] = input[i] }
    inputCount -= 1
    return 0x100 | UInt64(first)
  }

  public mutating func write(_ access: Access, value: UInt64, at now: Instant, _ effects: inout Effects) {
    accesses &+= 1
    if access.region == 1 {
      sum = sum &* 31 &+ value
      if value == 0xdead { effects.machine = .powerOff }
      effects.interrupt = true
    } else if access.offset == 8, outputCount < 16 {
      output[Int(outputCount)] = UInt8(truncatingIfNeeded: value)
      outputCount += 1
    }
    drain(&effects)
  }

  private mutating func drain(_ effects: inout Effects) {
    while outputCount > 0, room > 0, effects.emit(output[0]) {
      for i in 1..<16 { output[i - 1] = output[i] }
      outputCount -= 1
      room -= 1
    }
  }

  public var receiveCapacity: Int { 16 - Int(inputCount) }

  public mutating func receive(_ bytes: RawSpan, at now: Instant, _ effects: inout Effects) {
    for i in 0..<bytes.byteCount where inputCount < 16 {
      input[Int(inputCount)] = bytes.unsafeLoad(fromByteOffset: i, as: UInt8.self)
      inputCount += 1
    }
    effects.interrupt = true
  }

  public mutating func outputRoom(_ bytes: Int, at now: Instant, _ effects: inout Effects) {
    room = bytes
    drain(&effects)
  }

  public var deadline: Int64? { nil }
  public mutating func elapse(at now: Instant, _ effects: inout Effects) {}
  public mutating func hostEvent(_ event: HostEvent, at now: Instant, _ effects: inout Effects) {
    effects.interrupt = true
  }
  public var interruptPending: Bool { inputCount > 0 }
}
