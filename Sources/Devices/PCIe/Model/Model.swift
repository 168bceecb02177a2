// The PCIe host: bus 0 with a host bridge and virtio functions. Deliberately absent: bridges and further buses, I/O ports, INTx,
// expansion ROMs, power management, PCI Express capabilities of functions (they are plain PCI functions on the root bus),
// legacy and transitional virtio.

import DeviceModel

/// The PCIe host and its virtio functions, as a model: accesses in, state out.
///
/// What a change asks of the world (doorbells, messages, rings) is not an effect but a state to be reached: whoever drives
/// the model compares what `functions` say with what is in force. So a restart in the middle of anything loses nothing.
public struct PCIeDevice: DeviceModel, Sendable {
  public static var regions: [RegionLayout] {
    [PCIWindow.ecamSize, PCIWindow.legacySize, PCIWindow.portsSize, PCIWindow.memorySize].map {
      // Not posted: a driver that has written a register relies on the register.
      RegionLayout(size: $0, posted: false)
    }
  }

  /// The functions, in the order in which they were added.
  public internal(set) var functions: [VirtioFunction] = []
  /// For each slot the function's index in `functions`, -1 for none.
  var places = InlineArray<32, Int8>(repeating: -1)
  /// Slots whose function may have changed since `takeChanges`, as bits.
  var changed: UInt32 = 0
  /// Copies in the state page that are all out of date, 0 to 2; see `saveChanges`.
  var staleCopies: UInt8 = 2

  /// A host without functions.
  public init(at now: Instant) {}

  /// The index in `functions` of the function in `slot`.
  public func index(of slot: Int) -> Int? {
    guard slot >= 0, slot < PCIeLimits.slots, places[slot] >= 0 else { return nil }
    return Int(places[slot])
  }

  /// Says which slots' functions may have changed since the last call, as bits.
  public mutating func takeChanges() -> UInt32 {
    defer { changed = 0 }
    return changed
  }

  mutating func touch(_ index: Int) {
    functions[index].staleCopies = 2
    changed |= 1 << UInt32(functions[index].slot)
  }

  // MARK: Guest accesses

  public mutating func read(_ access: Access, at now: Instant, _ effects: inout Effects) -> UInt64 {
    let split = WordSplit(start: access.offset, size: access.size)
    var value: UInt64 = 0
    for index in 0..<split.count { value |= split.part(index, read(split.word(index), region: access.region)) }
    return value
  }

  public mutating func write(_ access: Access, value: UInt64, at now: Instant, _ effects: inout Effects) {
    let split = WordSplit(start: access.offset, size: access.size)
    for index in 0..<split.count { write(split.word(index, of: value), region: access.region) }
  }

  private mutating func read(_ word: Word, region: UInt8) -> UInt32 {
    switch target(word.offset, region: region) {
    case .nothing: return .max
    case .bridge(let register): return HostBridge.word(register)
    case .config(let index, let register):
      // The window of the access capability can reach registers whose reading changes them.
      if register == ConfigRegister.accessData { touch(index) }
      return functions[index].readConfig(Word(offset: register, mask: word.mask))
    case .memory(let index, let offset):
      if offset == BARLayout.isr { touch(index) }
      return functions[index].readBAR(Word(offset: offset, mask: word.mask))
    }
  }

  private mutating func write(_ word: Word, region: UInt8) {
    switch target(word.offset, region: region) {
    case .nothing, .bridge: break
    case .config(let index, let register):
      touch(index)
      functions[index].writeConfig(Word(offset: register, mask: word.mask, value: word.value))
    case .memory(let index, let offset):
      touch(index)
      functions[index].writeBAR(Word(offset: offset, mask: word.mask, value: word.value))
    }
  }

  // MARK: Decoding

  private enum Target {
    case nothing
    case bridge(UInt32)
    /// Index of the function, register of its configuration space.
    case config(Int, UInt32)
    /// Index of the function, offset in its BAR.
    case memory(Int, UInt32)
  }

  private func target(_ offset: UInt32, region: UInt8) -> Target {
    switch region {
    // PCIe 7.2.2: bus 27:20, device 19:15, function 14:12, register 11:0.
    case PCIWindow.ecam where offset < 1 << 20:
      configuration(device: offset >> 15, function: offset >> 12 & 7, register: offset & 0xfff)
    // Type 0: device 15:11, function 10:8, register 7:0 of bus 0. Type 1 asks for other buses: there are none.
    case PCIWindow.legacy where offset < 1 << 16:
      configuration(device: offset >> 11, function: offset >> 8 & 7, register: offset & 0xff)
    case PCIWindow.memory: memory(PCIWindow.memoryBase + UInt64(offset))
    default: .nothing
    }
  }

  private func configuration(device: UInt32, function: UInt32, register: UInt32) -> Target {
    guard function == 0 else { return .nothing }
    if device == 0 { return .bridge(register) }
    guard let index = index(of: Int(device)) else { return .nothing }
    return .config(index, register)
  }

  /// If a guest puts two BARs over each other, the function that was added first answers.
  private func memory(_ address: UInt64) -> Target {
    for index in 0..<functions.count where functions[index].decodesMemory {
      let offset = address &- functions[index].bar
      if offset < BARLayout.size { return .memory(index, UInt32(offset)) }
    }
    return .nothing
  }

  // MARK: What a host bridge does not have

  public var receiveCapacity: Int { 0 }
  public mutating func receive(_ bytes: RawSpan, at now: Instant, _ effects: inout Effects) {}
  public mutating func outputRoom(_ bytes: Int, at now: Instant, _ effects: inout Effects) {}
  public var deadline: Int64? { nil }
  public mutating func elapse(at now: Instant, _ effects: inout Effects) {}
  public mutating func hostEvent(_ event: HostEvent, at now: Instant, _ effects: inout Effects) {}
  public var interruptPending: Bool { false }
}

/// The function at 00:00.0: it is there to be found.
enum HostBridge {
  static func word(_ register: UInt32) -> UInt32 {
    switch register {
    case ConfigRegister.identity: Identity.hostBridge
    case ConfigRegister.classCode: Identity.bridgeClass
    case ConfigRegister.subsystem: Identity.hostBridge
    default: 0
    }
  }
}
