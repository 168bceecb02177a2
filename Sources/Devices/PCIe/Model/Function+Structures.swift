// Virtio's structures in BAR 0 (virtio 4.1.4.3 to 4.1.4.6) and the MSI-X tables beside them.

extension VirtioFunction {
  /// A word of BAR 0; `offset` is below 64 KiB. What is not there reads 0.
  mutating func readBAR(_ word: Word) -> UInt32 {
    let inside = word.offset & 0xfff
    switch word.offset & 0xf000 {
    case BARLayout.common: return readCommon(inside)
    case BARLayout.isr: return inside == 0 ? readISR(word) : 0
    case BARLayout.device: return readDevice(inside)
    case BARLayout.vectorTable: return vectors.read(table: inside)
    case BARLayout.pendingBits: return vectors.read(pendingBits: inside)
    default: return 0
    }
  }

  mutating func writeBAR(_ word: Word) {
    var inner = word
    inner.offset = word.offset & 0xfff
    switch word.offset & 0xf000 {
    case BARLayout.common: writeCommon(inner)
    case BARLayout.device: writeDevice(inner)
    case BARLayout.notify: ring(inner)
    case BARLayout.vectorTable: vectors.write(table: inner)
    default: break
    }
  }

  /// Reading takes the bits (virtio 4.1.4.5).
  private mutating func readISR(_ word: Word) -> UInt32 {
    guard word.covers(0xff) else { return 0 }
    defer { isr = 0 }
    return UInt32(isr)
  }

  /// A doorbell that came through the access ring. Any store to the queue's word counts, as with an ioeventfd.
  private mutating func ring(_ word: Word) {
    let queue = Int(word.offset / BARLayout.notifyStride)
    if queue < queues.count { kicks |= 1 << UInt32(queue) }
  }

  // MARK: Device-specific configuration

  private static var cacheModeOffset: Int { 32 }

  private func readDevice(_ offset: UInt32) -> UInt32 {
    var value: UInt32 = 0
    for byte in 0..<4 { value |= UInt32(configByte(Int(offset) + byte)) << UInt32(8 * byte) }
    return value
  }

  private func configByte(_ index: Int) -> UInt8 {
    if index == Self.cacheModeOffset, let cacheMode { return cacheMode }
    return index < config.count ? config[index] : 0
  }

  /// The configuration as the driver reads it.
  var visibleConfig: [UInt8] { (0..<config.count).map { configByte($0) } }

  /// One field of all devices served here is the driver's to write: the cache mode of a block device (virtio 5.2.5).
  /// Deliberately absent: fields whose writing is an event (console's emergency write) or a question (input's select).
  private mutating func writeDevice(_ word: Word) {
    guard deviceID == 2, negotiated & Feature.blockCacheMode != 0, word.covers(0xff) else { return }
    guard Int(word.offset) == Self.cacheModeOffset, config.count > Self.cacheModeOffset else { return }
    cacheMode = UInt8(truncatingIfNeeded: word.value) & 1
  }

  // MARK: Common configuration

  private func readCommon(_ offset: UInt32) -> UInt32 {
    let queue = Int(queueSelect) < queues.count ? queues[Int(queueSelect)] : nil
    switch offset {
    case 0x00: return deviceFeatureSelect
    case 0x04: return Self.half(offered, deviceFeatureSelect)
    case 0x08: return driverFeatureSelect
    case 0x0c: return Self.half(driverFeatures, driverFeatureSelect)
    case 0x10: return UInt32(configVector) | UInt32(queues.count) << 16
    case 0x14: return UInt32(statusRegister) | UInt32(configGeneration) << 8 | UInt32(queueSelect) << 16
    // A queue that does not exist has size 0 (virtio 4.1.4.3.1).
    case 0x18: return UInt32(queue?.size ?? 0) | UInt32(queue?.vector ?? Queue.noVector) << 16
    // queue_notify_off is the queue's number.
    case 0x1c: return queue.map { ($0.enabled ? 1 : 0) | UInt32(queueSelect) << 16 } ?? 0
    case 0x20...0x37: return queue.map { Self.half($0.area(offset), offset / 4 & 1) } ?? 0
    // queue_notify_data, queue_reset, admin queues: not offered.
    default: return 0
    }
  }

  private static func half(_ value: UInt64, _ select: UInt32) -> UInt32 {
    select > 1 ? 0 : UInt32(truncatingIfNeeded: value >> (select == 1 ? 32 : 0))
  }

  private mutating func writeCommon(_ word: Word) {
    switch word.offset {
    case 0x00: deviceFeatureSelect = word.merged(into: deviceFeatureSelect)
    case 0x08: driverFeatureSelect = word.merged(into: driverFeatureSelect)
    case 0x0c: writeDriverFeatures(word)
    case 0x10 where word.coversLow: configVector = accepted(vector: word.mergedLow(into: configVector))
    case 0x14:
      if word.covers(0xff) { write(status: UInt8(truncatingIfNeeded: word.value)) }
      if word.coversHigh { queueSelect = word.mergedHigh(into: queueSelect) }
    case 0x18...0x37: writeQueue(word)
    default: break
    }
  }

  private mutating func writeDriverFeatures(_ word: Word) {
    // Settled features stay (virtio 3.1.1, step 6).
    guard driverFeatureSelect <= 1, status & DeviceStatus.featuresOK == 0 else { return }
    let shift: UInt64 = driverFeatureSelect == 1 ? 32 : 0
    let half = UInt64(word.merged(into: Self.half(driverFeatures, driverFeatureSelect)))
    driverFeatures = driverFeatures & ~(0xffff_ffff << shift) | half << shift
  }

  /// A vector that does not exist reads back as none (virtio 4.1.5.1.2.1).
  private func accepted(vector: UInt16) -> UInt16 { Int(vector) < vectors.vectors.count ? vector : Queue.noVector }

  private mutating func writeQueue(_ word: Word) {
    let index = Int(queueSelect)
    guard index < queues.count else { return }
    switch word.offset {
    case 0x18:
      if word.coversLow { write(size: word.mergedLow(into: queues[index].size), of: index) }
      if word.coversHigh { queues[index].vector = accepted(vector: word.mergedHigh(into: queues[index].vector)) }
    case 0x1c:
      if word.coversLow, word.mergedLow(into: 0) == 1 { enable(index) }
    default:
      guard !queues[index].enabled else { return }
      queues[index].write(area: word)
    }
  }

  private mutating func write(size: UInt16, of index: Int) {
    guard !queues[index].enabled, Queue.allows(size: size, packed: isPacked) else { return }
    queues[index].size = size
  }

  /// Rings whose areas cannot be used are an error of the driver that it gets to see.
  private mutating func enable(_ index: Int) {
    guard status & DeviceStatus.featuresOK != 0, !queues[index].enabled else { return }
    guard queues[index].isAligned(packed: isPacked), Queue.allows(size: queues[index].size, packed: isPacked) else {
      return breakDown()
    }
    queues[index].enabled = true
  }
}

extension Queue {
  /// The 64-bit address register that holds the word at `offset`, 0x20 to 0x37 of the common configuration.
  func area(_ offset: UInt32) -> UInt64 { offset < 0x28 ? descriptors : offset < 0x30 ? driver : device }

  mutating func write(area word: Word) {
    let shift = UInt64(word.offset & 4) * 8
    let old = area(word.offset)
    let half = UInt64(word.merged(into: UInt32(truncatingIfNeeded: old >> shift)))
    let new = old & ~(0xffff_ffff << shift) | half << shift
    if word.offset < 0x28 { descriptors = new } else if word.offset < 0x30 { driver = new } else { device = new }
  }
}
