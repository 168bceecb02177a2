// The flash that holds the firmware's variables. Its content is not part of the saved state: it lies in a `Store` that outlives the
// process, and each change there is idempotent, so that an access which is carried out again does no harm.
// Deliberately absent: time (an operation is done when the store returns), suspend and resume, locks, protection registers.

import DeviceModel

/// A CFI flash with the Intel/Sharp extended command set: 32 bits wide, blocks of 256 KiB.
public struct FlashDevice<Store: FlashStore>: DeviceModel {
  public static var regions: [RegionLayout] { [RegionLayout(size: FlashGeometry.window, posted: false)] }

  /// The content; given by the process. Until then everything reads as erased and nothing can be programmed.
  public var store: Store?
  var mode = ReadMode.array
  var cycle = Cycle.command
  var status = Status.ready
  /// Where the buffer goes, a multiple of 4 inside the window.
  var bufferBase: UInt32 = 0
  /// Bytes that the buffer will take, and those that it has.
  var bufferGoal: UInt32 = 0
  var bufferFill: UInt32 = 0
  var buffer = FlashBuffer(repeating: 0xff)

  public init(at now: Instant) {}

  private var size: UInt32 { min(store?.size ?? 0, FlashGeometry.window) }

  // MARK: loads

  public mutating func read(_ access: Access, at now: Instant, _ effects: inout Effects) -> UInt64 {
    switch mode {
    case .array: return array(access)
    case .status: return inBothChips(UInt64(status), access)
    case .identifier: return inBothChips(ChipFacts.identifier(access.offset / 4), access)
    case .query:
      return inBothChips(ChipFacts.query(access.offset / 4, size: max(size, FlashGeometry.blockSize)), access)
    }
  }

  private mutating func array(_ access: Access) -> UInt64 {
    let allOnes = access.size >= 8 ? UInt64.max : (1 << (UInt64(access.size) * 8)) - 1
    guard access.offset < size, UInt32(access.size) <= size - access.offset else { return allOnes }
    return (store?.load(access.offset, count: access.size) ?? allOnes) & allOnes
  }

  /// A register of 16 bits as each chip answers it, cut to what the access sees.
  private func inBothChips(_ value: UInt64, _ access: Access) -> UInt64 {
    let lanes = value | value << 16 | value << 32 | value << 48
    let seen = lanes >> (UInt64(access.offset & 1) * 8)
    return access.size >= 8 ? seen : seen & ((1 << (UInt64(access.size) * 8)) - 1)
  }

  // MARK: stores

  public mutating func write(_ access: Access, value: UInt64, at now: Instant, _ effects: inout Effects) {
    let low = UInt8(truncatingIfNeeded: value)
    switch cycle {
    case .command: begin(low, access.offset)
    case .wordData: programWord(access, value)
    case .bufferCount: countBuffer(low)
    case .bufferData: fillBuffer(access, value)
    case .bufferConfirm: end(low) { $0.programBuffer() }
    case .eraseConfirm: end(low) { $0.eraseBlock(at: access.offset) }
    case .lock: cycle = .command
    }
  }

  private mutating func begin(_ command: UInt8, _ offset: UInt32) {
    switch command {
    case Command.readStatus: mode = .status
    case Command.clearStatus: status = Status.ready
    case Command.readIdentifier: mode = .identifier
    case Command.readQuery: mode = .query
    case Command.wordProgram, Command.alternateWordProgram: (mode, cycle) = (.status, .wordData)
    case Command.bufferedProgram: beginBuffer(offset)
    case Command.blockErase: (mode, cycle) = (.status, .eraseConfirm)
    case Command.lockSetup: (mode, cycle) = (.status, .lock)
    case Command.confirm: mode = .status  // resume of what was never suspended
    default: mode = .array
    }
  }

  /// The second cycle of what needs a confirmation: anything else is a sequence error.
  private mutating func end(_ command: UInt8, _ work: (inout Self) -> Void) {
    cycle = .command
    mode = .status
    guard command == Command.confirm else {
      status |= Status.sequenceError
      return
    }
    work(&self)
  }

  // MARK: programming

  private mutating func programWord(_ access: Access, _ value: UInt64) {
    cycle = .command
    mode = .status
    for i in 0..<Int(access.size) { buffer[i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
    program(access.offset, UInt32(access.size))
  }

  private mutating func beginBuffer(_ offset: UInt32) {
    (mode, cycle) = (.status, .bufferCount)
    bufferBase = offset & ~3
    bufferFill = 0
    buffer = FlashBuffer(repeating: 0xff)
  }

  /// Words of 32 bits: each chip counts its 16-bit words, and both get the same number.
  private mutating func countBuffer(_ wordsLessOne: UInt8) {
    bufferGoal = (UInt32(wordsLessOne) + 1) * 4
    guard bufferGoal <= FlashGeometry.bufferSize, bufferBase <= FlashGeometry.window - bufferGoal else {
      (cycle, bufferGoal) = (.command, 0)
      status |= Status.sequenceError
      return
    }
    cycle = .bufferData
  }

  /// Data may come in any order inside the buffer's range; the count ends it.
  private mutating func fillBuffer(_ access: Access, _ value: UInt64) {
    let at = access.offset &- bufferBase
    guard at < bufferGoal, UInt32(access.size) <= bufferGoal - at else {
      cycle = .command
      status |= Status.sequenceError
      return
    }
    for i in 0..<UInt32(access.size) { buffer[Int(at + i)] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
    bufferFill += UInt32(access.size)
    if bufferFill >= bufferGoal { cycle = .bufferConfirm }
  }

  private mutating func programBuffer() { program(bufferBase, bufferGoal) }

  private mutating func program(_ offset: UInt32, _ count: UInt32) {
    guard offset < size, count <= size - offset, store?.program(offset, buffer, count: Int(count)) ?? false else {
      status |= Status.programError
      return
    }
  }

  private mutating func eraseBlock(at offset: UInt32) {
    let block = offset & ~(FlashGeometry.blockSize - 1)
    let there = block < size ? min(FlashGeometry.blockSize, size - block) : 0
    guard there > 0, store?.erase(block, count: there) ?? false else {
      status |= Status.eraseError
      return
    }
  }

  // A device without bytes, time and interrupts.
  public var receiveCapacity: Int { 0 }
  public mutating func receive(_ bytes: RawSpan, at now: Instant, _ effects: inout Effects) {}
  public mutating func outputRoom(_ bytes: Int, at now: Instant, _ effects: inout Effects) {}
  public var deadline: Int64? { nil }
  public mutating func elapse(at now: Instant, _ effects: inout Effects) {}
  public mutating func hostEvent(_ event: HostEvent, at now: Instant, _ effects: inout Effects) {}
  public var interruptPending: Bool { false }
}
