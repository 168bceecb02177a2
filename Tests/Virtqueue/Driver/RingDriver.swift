import Synchronization

/// One piece of what a driver offers.
public struct DriverBuffer: Sendable, Equatable {
  /// Guest physical address.
  public var address: UInt64
  /// Bytes.
  public var length: UInt32
  /// The device writes it.
  public var isWritable: Bool

  /// A piece of `length` bytes.
  public init(address: UInt64, length: UInt32, isWritable: Bool) {
    (self.address, self.length, self.isWritable) = (address, length, isWritable)
  }
}

/// What a device gave back.
public struct UsedChain: Sendable, Equatable {
  /// The driver's name for the chain, from `add`.
  public var id: UInt16
  /// Bytes that the device wrote.
  public var written: UInt32

  /// A chain given back.
  public init(id: UInt16, written: UInt32) { (self.id, self.written) = (id, written) }
}

/// The driver's side of one ring (Protocols/Virtqueue/README.md, sections 2, 3, 4 and 6), written from the tables there and not
/// through the module: what both agree on is what the README says.
public final class RingDriver {
  /// Descriptors of the ring.
  public let size: UInt16
  /// A packed ring, else a split one.
  public let isPacked: Bool
  /// Where the parts are, as guest physical addresses.
  public let descriptorAddress: UInt64
  /// Available ring, or driver event suppression.
  public let driverAddress: UInt64
  /// Used ring, or device event suppression.
  public let deviceAddress: UInt64
  /// SET_VRING_BASE of the ring as it begins.
  public let firstBase: UInt32
  let hasEventIndex: Bool
  let memory: DriverMemory
  let descriptors: UnsafeMutableRawPointer
  let driver: UnsafeMutableRawPointer
  let device: UnsafeMutableRawPointer
  /// Indirect tables, `tableEntries` long, one for each id.
  let tables: Int
  let tableEntries: Int

  /// Packed: names that no chain has. A split chain's name is its head.
  var freeIDs: [UInt16]
  /// Split: descriptors that no chain has, as a list through `links`.
  var freeHead: UInt16 = 0
  var links: [UInt16]
  /// Descriptors of the ring that each chain has; 0: the name is free.
  var lengths: [UInt16]
  /// Descriptors of the ring that no chain has.
  public private(set) var free: UInt16
  /// Split: the available index. Packed: the next place, and its wrap counter.
  var next: UInt16 = 0
  var nextWrap = true
  /// Split: the used index seen. Packed: the next place, and its wrap counter.
  var seen: UInt16 = 0
  var seenWrap = true
  /// Since `shouldKick` last looked: chains, packed: descriptors.
  var unkicked: UInt32 = 0

  /// Places a ring in `memory`; nil if it does not fit. `tableEntries`: the longest indirect table, 0 for none. `first`: where the
  /// indices of a split ring begin.
  public init?(
    size: UInt16, packed: Bool, eventIndex: Bool = false, tableEntries: Int = 0, first: UInt16 = 0,
    in memory: DriverMemory
  ) {
    let count = Int(size)
    guard size > 0, let descriptorPart = memory.allocate(16 * count),
      let driverPart = memory.allocate(packed ? 4 : 6 + 2 * count),
      let devicePart = memory.allocate(packed ? 4 : 6 + 8 * count),
      let tables = memory.allocate(16 * tableEntries * count)
    else { return nil }
    (self.size, isPacked, hasEventIndex, self.memory) = (size, packed, eventIndex, memory)
    (self.tables, self.tableEntries) = (tables, tableEntries)
    descriptorAddress = memory.address(descriptorPart)
    driverAddress = memory.address(driverPart)
    deviceAddress = memory.address(devicePart)
    descriptors = memory.base + descriptorPart
    driver = memory.base + driverPart
    device = memory.base + devicePart
    freeIDs = (0..<size).reversed()
    links = (0..<size).map { $0 + 1 }
    lengths = Array(repeating: 0, count: count)
    free = size
    firstBase = packed ? 0x8000_8000 : UInt32(first)
    guard !packed else { return }
    (next, seen) = (first, first)
    half(driver, 2).pointee.store(first, ordering: .releasing)
    half(device, 2).pointee.store(first, ordering: .releasing)
  }

  /// Chains that the device has.
  public private(set) var outstanding = 0

  /// Offers a chain and lets the device see it; its name, or nil if the ring is full. With `indirect` through a table.
  public func add(_ buffers: [DriverBuffer], indirect: Bool = false) -> UInt16? {
    let count = indirect ? 1 : buffers.count
    guard !buffers.isEmpty, count <= free, !indirect || buffers.count <= tableEntries else {
      return nil
    }
    let id = isPacked ? addPacked(buffers, indirect) : addSplit(buffers, indirect)
    free -= UInt16(count)
    outstanding += 1
    lengths[Int(id)] = UInt16(count)
    return id
  }

  /// Takes the next chain that the device gave back; nil if there is none, or if it gave back something that it does not have.
  public func collect() -> UsedChain? {
    guard let used = isPacked ? peekPacked() : peekSplit(), Int(used.id) < lengths.count, lengths[Int(used.id)] > 0
    else {
      return nil
    }
    if isPacked { takePacked(used.id) } else { takeSplit(used.id) }
    free += lengths[Int(used.id)]
    lengths[Int(used.id)] = 0
    outstanding -= 1
    return used
  }

  /// Whether the device wants to hear of what was added since the last call.
  public func shouldKick() -> Bool {
    guard unkicked > 0 else { return false }
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    defer { unkicked = 0 }
    return isPacked ? wantsKickPacked() : wantsKickSplit()
  }

  /// Asks for a signal with the next chain. True: one is there already.
  public func enableSignals() -> Bool {
    if isPacked {
      let place = UInt32(seen) | (seenWrap ? 0x8000 : 0) | 2 << 16
      word(driver, 0).pointee.store(hasEventIndex ? place : 0, ordering: .relaxed)
    } else if hasEventIndex {
      half(driver, 4 + 2 * Int(size)).pointee.store(seen, ordering: .relaxed)
    } else {
      half(driver, 0).pointee.store(0, ordering: .relaxed)
    }
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    return (isPacked ? peekPacked() : peekSplit()) != nil
  }

  /// Says that signals are not needed.
  public func disableSignals() {
    if isPacked {
      word(driver, 0).pointee.store(1 << 16, ordering: .relaxed)
    } else if !hasEventIndex {
      half(driver, 0).pointee.store(1, ordering: .relaxed)
    }
  }
}

extension RingDriver {
  func half(_ part: UnsafeMutableRawPointer, _ offset: Int) -> UnsafeMutablePointer<Atomic<UInt16>> {
    (part + offset).assumingMemoryBound(to: Atomic<UInt16>.self)
  }
  func word(_ part: UnsafeMutableRawPointer, _ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (part + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }
  func long(_ part: UnsafeMutableRawPointer, _ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (part + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// Fills the indirect table of `id`; its guest physical address.
  func fillTable(_ id: UInt16, _ buffers: [DriverBuffer]) -> UInt64 {
    let table = tables + 16 * tableEntries * Int(id)
    for (index, buffer) in buffers.enumerated() {
      let isLast = index == buffers.count - 1
      let flags: UInt16 = (isLast || isPacked ? 0 : 1) | (buffer.isWritable ? 2 : 0)
      store(
        memory.base + table + 16 * index, buffer.address, buffer.length, flags,
        isLast || isPacked ? 0 : UInt16(index + 1))
    }
    return memory.address(table)
  }

  /// A split descriptor, or a packed one that nobody looks at yet.
  func store(_ at: UnsafeMutableRawPointer, _ address: UInt64, _ length: UInt32, _ flags: UInt16, _ link: UInt16) {
    let (third, fourth) = isPacked ? (link, flags) : (flags, link)
    long(at, 0).pointee.store(address, ordering: .relaxed)
    long(at, 8).pointee.store(
      UInt64(length) | UInt64(third) << 32 | UInt64(fourth) << 48, ordering: .relaxed)
  }
}
