extension EIOINTC {
  /// A store of `size` bytes at `offset` from `base` by `cpu`. What is no register ignores it.
  mutating func write(_ offset: UInt64, size: Int, value: UInt64, cpu: Int) {
    guard let lane = ByteLane(offset: offset, size: size) else { return }
    let index = Int(truncatingIfNeeded: offset >> 3)
    switch offset {
    case 0x0a0..<0x0c0: nodemap[index - 0x0a0 >> 3] = lane.merge(value, into: nodemap[index - 0x0a0 >> 3])
    case 0x0c0..<0x0c8:
      ipmap = lane.merge(value, into: ipmap)
      updateAllLines()
    case 0x200..<0x220: setEnable(index - 0x200 >> 3, lane.merge(value, into: enable[index - 0x200 >> 3]))
    case 0x280..<0x2a0: bounce[index - 0x280 >> 3] = lane.merge(value, into: bounce[index - 0x280 >> 3])
    case 0x400..<0x420: acknowledge(index - 0x400 >> 3, lane.place(value), cpu: cpu)
    case 0x800..<0x900: route(index - 0x800 >> 3, lane, value)
    default: break
    }
  }

  func updateAllLines() {
    for cpu in 0..<CPULines.limit where lines.exists(cpu) { updateLines(cpu) }
  }

  /// ENABLE: a request that waited is delivered, one that stands is taken back.
  private mutating func setEnable(_ word: Int, _ new: UInt64) {
    let old = enable[word]
    enable[word] = new
    for bit in BitPositions(new & ~old & isr[word]) { deliver(word << 6 + bit) }
    for bit in BitPositions(old & ~new & isr[word]) { withdraw(word << 6 + bit) }
  }

  /// COREISR: ones clear. The request in ISR stays, so that a later toggle of ENABLE delivers it once more (reference C.2).
  private mutating func acknowledge(_ word: Int, _ vectors: UInt64, cpu: Int) {
    coreISR[(cpu & 0xff) * 4 + word] &= ~vectors
    updateLines(cpu & 0xff)
  }

  /// COREMAP: eight vectors a word; each byte that the access touches routes one.
  private mutating func route(_ word: Int, _ lane: ByteLane, _ value: UInt64) {
    coremap[word] = lane.merge(value, into: coremap[word])
    let touched = lane.place(.max)
    for byte in 0..<8 where touched >> UInt64(byte << 3) & 0xff != 0 {
      route(word << 3 + byte, to: cpu(named: UInt8(truncatingIfNeeded: coremap[word] >> UInt64(byte << 3))))
    }
  }

  /// A CPU that does not exist is never routed to: the vector stays where it is.
  private mutating func route(_ vector: Int, to cpu: UInt8) {
    guard targets[vector] != cpu, lines.exists(Int(cpu)) else { return }
    guard isr[vector >> 6] & Self.bit(vector) != 0 else {
      targets[vector] = cpu
      return
    }
    withdraw(vector)
    targets[vector] = cpu
    deliver(vector)
  }

  /// ISR by its MMIO view: the vector's requests, which KVM hides from IOCSR.
  func readRequests(_ offset: UInt64, size: Int) -> UInt64 {
    guard let lane = ByteLane(offset: offset, size: size), offset < 0x20 else { return 0 }
    return lane.extract(isr[Int(offset) >> 3])
  }

  /// A load from the virtual extension's registers.
  func readVirtual(_ offset: UInt32, size: Int) -> UInt64 {
    guard let lane = ByteLane(offset: 0, size: size) else { return 0 }
    return switch offset {
    case 0: lane.extract(UInt64(features))
    case 4: lane.extract(UInt64(status))
    default: 0
    }
  }

  /// A store to them: CONFIG changes only while not enabled, or to 0; FEATURES never.
  mutating func writeVirtual(_ offset: UInt32, size: Int, value: UInt64) {
    guard offset == 4, let lane = ByteLane(offset: 0, size: size) else { return }
    let config = UInt32(truncatingIfNeeded: value & lane.mask)
    guard status & Self.enableBit == 0 || config == 0 else { return }
    status = config & features
    updateAllLines()
  }
}
