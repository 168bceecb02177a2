// The saved state: 32 blocks of 4 KiB. Block 0 is the header, block n the function in slot n; all that is not used is zero.
// Each block has fixed offsets, so that an update writes only the functions that changed.

import DeviceModel

extension PCIeDevice {
  public static var stateSize: Int { PCIeLimits.slots * blockSize }
  static var blockSize: Int { 4096 }
  /// "PCIe" and the layout's number.
  private static var mark: UInt64 { 0x0000_0001_6549_4350 }

  public func save(into bytes: inout MutableRawSpan) {
    guard bytes.byteCount >= Self.stateSize else { return }
    var at = 0
    while at < Self.stateSize {
      bytes.storeBytes(of: 0, toByteOffset: at, as: UInt64.self)
      at += 8
    }
    saveHeader(into: &bytes)
    for function in functions { function.save(into: &bytes) }
  }

  /// Brings a slot of the state page, which has what was saved two calls before, up to date.
  public mutating func saveChanges(into bytes: inout MutableRawSpan) {
    if staleCopies > 0 {
      // A slot that another incarnation may have left half written.
      staleCopies -= 1
      save(into: &bytes)
    } else {
      saveHeader(into: &bytes)
    }
    for index in 0..<functions.count where functions[index].staleCopies > 0 {
      functions[index].staleCopies -= 1
      functions[index].save(into: &bytes)
    }
  }

  private func saveHeader(into bytes: inout MutableRawSpan) {
    var offset = 0
    bytes.put(Self.mark, at: &offset)
    bytes.put(UInt8(functions.count), at: &offset)
    for function in functions { bytes.put(UInt8(function.slot), at: &offset) }
  }

  public init(restoring bytes: RawSpan, at now: Instant) throws(StateError) {
    guard bytes.byteCount >= Self.stateSize else { throw .truncated }
    var offset = 0
    try check(bytes.take(UInt64.self, at: &offset) == Self.mark, "the saved state is not a PCIe host's")
    let count = Int(try bytes.take(UInt8.self, at: &offset))
    try check(count <= PCIeLimits.functions, "there are more than 16 functions")
    for place in 0..<count {
      let slot = Int(try bytes.take(UInt8.self, at: &offset))
      try check(slot >= 1 && slot < PCIeLimits.slots, "a function's device number is not 1 to 31")
      try check(places[slot] < 0, "two functions have one device number")
      places[slot] = Int8(place)
      functions.append(try VirtioFunction(restoring: bytes, slot: slot))
    }
    try Self.requireZero(bytes, from: offset, to: Self.blockSize)
    for slot in 1..<PCIeLimits.slots where places[slot] < 0 {
      try Self.requireZero(bytes, from: slot * Self.blockSize, to: (slot + 1) * Self.blockSize)
    }
    try checkBindings()
    // Nothing of it is in force in the process that reads it.
    for function in functions { changed |= 1 << UInt32(function.slot) }
  }

  static func requireZero(_ bytes: RawSpan, from start: Int, to end: Int) throws(StateError) {
    guard start >= 0, start <= end, end <= bytes.byteCount else { throw .truncated }
    var sum: UInt64 = 0
    var offset = start
    while offset < end {
      if end - offset >= 8 {
        // In bounds by the checks above; any bit pattern is a value of an integer type.
        sum |= unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
        offset += 8
      } else {
        sum |= UInt64(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self))
        offset += 1
      }
    }
    try check(sum == 0, "the saved state has something where nothing belongs")
  }

  /// Ids are given out in a row, one function after the other.
  private func checkBindings() throws(StateError) {
    var doorbells = 0
    var messages = 0
    for function in functions {
      try check(function.firstDoorbell == doorbells, "a function's doorbells are another's")
      try check(function.firstMessage == messages, "a function's vectors are another's")
      doorbells += function.queues.count
      messages += function.vectors.vectors.count
    }
    try check(doorbells <= PCIeLimits.bindings && messages <= PCIeLimits.bindings, "there are more than 160 bindings")
  }
}

extension VirtioFunction {
  func save(into bytes: inout MutableRawSpan) {
    var at = slot * PCIeDevice.blockSize
    bytes.put(deviceID, at: &at)
    for count in [queues.count, vectors.vectors.count, firstDoorbell, firstMessage] { bytes.put(UInt8(count), at: &at) }
    saveRegisters(into: &bytes, at: &at)
    bytes.put(UInt16(config.count), at: &at)
    // Always 256 bytes: what follows stays in its place when the configuration changes its size.
    for index in 0..<PCIeLimits.config { bytes.put(index < config.count ? config[index] : UInt8(0), at: &at) }
    for queue in queues { queue.save(into: &bytes, at: &at) }
    for vector in vectors.vectors { vector.save(into: &bytes, at: &at) }
  }

  private func saveRegisters(into bytes: inout MutableRawSpan, at: inout Int) {
    bytes.put(bar, at: &at)
    bytes.put(offered, at: &at)
    bytes.put(driverFeatures, at: &at)
    bytes.put(vectors.pending, at: &at)
    for field in [deviceFeatureSelect, driverFeatureSelect, window.offset, window.length] { bytes.put(field, at: &at) }
    for field in [command, configVector, queueSelect] { bytes.put(field, at: &at) }
    for field in [cacheLine, interruptLine, window.bar, status, configGeneration, isr, cacheMode ?? 0xff] {
      bytes.put(field, at: &at)
    }
    for flag in [vectors.enabled, vectors.functionMasked, resetting, abandoned] { bytes.put(flag, at: &at) }
  }

  init(restoring bytes: RawSpan, slot: Int) throws(StateError) {
    var at = slot * PCIeDevice.blockSize
    let deviceID = try bytes.take(UInt32.self, at: &at)
    let queues = Int(try bytes.take(UInt8.self, at: &at))
    let vectors = Int(try bytes.take(UInt8.self, at: &at))
    let doorbell = Int(try bytes.take(UInt8.self, at: &at))
    let message = Int(try bytes.take(UInt8.self, at: &at))
    try check(deviceID >= 1 && deviceID < 64, "a function is no virtio device")
    try check(queues >= 1 && queues <= PCIeLimits.queues, "a function has no queue or more than 32")
    try check(vectors >= 1 && vectors <= PCIeLimits.vectors, "a function has no vector or more than 33")
    self.init(
      slot: slot, deviceID: deviceID, queues: queues, vectors: vectors, firstDoorbell: doorbell, firstMessage: message)
    try restoreRegisters(bytes, at: &at)
    try restoreConfig(bytes, at: &at)
    for index in 0..<queues { self.queues[index] = try Queue(restoring: bytes, at: &at) }
    for index in 0..<vectors { self.vectors.vectors[index] = try Vector(restoring: bytes, at: &at) }
    try PCIeDevice.requireZero(bytes, from: at, to: (slot + 1) * PCIeDevice.blockSize)
    try checkRegisters()
  }

  private mutating func restoreRegisters(_ bytes: RawSpan, at: inout Int) throws(StateError) {
    bar = try bytes.take(UInt64.self, at: &at)
    offered = try bytes.take(UInt64.self, at: &at)
    driverFeatures = try bytes.take(UInt64.self, at: &at)
    vectors.pending = try bytes.take(UInt64.self, at: &at)
    deviceFeatureSelect = try bytes.take(UInt32.self, at: &at)
    driverFeatureSelect = try bytes.take(UInt32.self, at: &at)
    window.offset = try bytes.take(UInt32.self, at: &at)
    window.length = try bytes.take(UInt32.self, at: &at)
    command = try bytes.take(UInt16.self, at: &at)
    configVector = try bytes.take(UInt16.self, at: &at)
    queueSelect = try bytes.take(UInt16.self, at: &at)
    cacheLine = try bytes.take(UInt8.self, at: &at)
    interruptLine = try bytes.take(UInt8.self, at: &at)
    window.bar = try bytes.take(UInt8.self, at: &at)
    status = try bytes.take(UInt8.self, at: &at)
    configGeneration = try bytes.take(UInt8.self, at: &at)
    isr = try bytes.take(UInt8.self, at: &at)
    let mode = try bytes.take(UInt8.self, at: &at)
    cacheMode = mode == 0xff ? nil : mode
    vectors.enabled = try bytes.takeFlag(at: &at)
    vectors.functionMasked = try bytes.takeFlag(at: &at)
    resetting = try bytes.takeFlag(at: &at)
    abandoned = try bytes.takeFlag(at: &at)
    vectors.busMaster = command & Command.busMaster != 0
  }

  private mutating func restoreConfig(_ bytes: RawSpan, at: inout Int) throws(StateError) {
    let count = Int(try bytes.take(UInt16.self, at: &at))
    try check(count <= PCIeLimits.config, "a configuration is larger than 256 bytes")
    for _ in 0..<count { config.append(try bytes.take(UInt8.self, at: &at)) }
    let end = at + PCIeLimits.config - count
    try PCIeDevice.requireZero(bytes, from: at, to: end)
    at = end
  }

  private func checkRegisters() throws(StateError) {
    try check(bar & (BARLayout.size - 1) == 0, "a BAR is not a multiple of its size")
    try check(command & ~Command.stored == 0, "the command register has a bit that cannot be stored")
    try check(offered & ~Feature.passed == 0, "a feature is offered that this transport does not have")
    try check(offered & Feature.version1 != 0, "a function does not offer VIRTIO_F_VERSION_1")
    try check(status & ~(DeviceStatus.writable | DeviceStatus.needsReset) == 0, "a device status bit does not exist")
    let settled = status & DeviceStatus.featuresOK != 0
    try check(settled || status & DeviceStatus.driverOK == 0, "a device runs without agreed features")
    try check(!settled || driverFeatures & Feature.version1 != 0, "a legacy driver has been accepted")
    try check(isr & ~2 == 0, "an ISR bit does not exist")
    try check(cacheMode ?? 0 <= 1, "a cache mode does not exist")
    try check(cacheMode == nil || deviceID == 2, "a device that is no disk has a cache mode")
    try checkVectors()
    for queue in queues { try check(queue.isPossible(packed: isPacked, settled: settled), "a queue is impossible") }
  }

  private func checkVectors() throws(StateError) {
    let count = vectors.vectors.count
    try check(vectors.pending >> UInt64(count) == 0, "a vector is pending that does not exist")
    for index in 0..<count where vectors.pending & 1 << UInt64(index) != 0 {
      try check(vectors.message(index) == nil, "a vector is pending that could be sent")
    }
    try check(configVector == Queue.noVector || Int(configVector) < count, "a vector does not exist")
    for queue in queues {
      try check(queue.vector == Queue.noVector || Int(queue.vector) < count, "a vector does not exist")
    }
  }
}

extension Queue {
  func save(into bytes: inout MutableRawSpan, at offset: inout Int) {
    bytes.put(descriptors, at: &offset)
    bytes.put(driver, at: &offset)
    bytes.put(device, at: &offset)
    bytes.put(size, at: &offset)
    bytes.put(vector, at: &offset)
    bytes.put(enabled, at: &offset)
  }

  init(restoring bytes: RawSpan, at offset: inout Int) throws(StateError) {
    descriptors = try bytes.take(UInt64.self, at: &offset)
    driver = try bytes.take(UInt64.self, at: &offset)
    device = try bytes.take(UInt64.self, at: &offset)
    size = try bytes.take(UInt16.self, at: &offset)
    vector = try bytes.take(UInt16.self, at: &offset)
    enabled = try bytes.takeFlag(at: &offset)
  }

  /// A size may have been chosen before features were settled, or settled otherwise.
  func isPossible(packed: Bool, settled: Bool) -> Bool {
    guard size >= 1, size <= PCIeLimits.queueSize else { return false }
    guard enabled else { return true }
    return settled && isAligned(packed: packed) && Queue.allows(size: size, packed: packed)
  }
}

extension Vector {
  func save(into bytes: inout MutableRawSpan, at offset: inout Int) {
    bytes.put(address, at: &offset)
    bytes.put(data, at: &offset)
    bytes.put(masked, at: &offset)
  }

  init(restoring bytes: RawSpan, at offset: inout Int) throws(StateError) {
    address = try bytes.take(UInt64.self, at: &offset)
    try check(address & 3 == 0, "a message's address is not a multiple of 4")
    data = try bytes.take(UInt32.self, at: &offset)
    masked = try bytes.takeFlag(at: &offset)
  }
}
