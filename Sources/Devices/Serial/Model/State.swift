// The serial device's saved state: fixed layout, 78 bytes. Bytes that a queue does not use are 0, and the oldest byte comes first,
// so that equal devices have equal states.

import DeviceModel

extension SerialDevice {
  public static var stateSize: Int { 78 }
  private static let layout: UInt8 = 2

  public func save(into bytes: inout MutableRawSpan) {
    var offset = 0
    bytes.put(Self.layout, at: &offset)
    uart.save(into: &bytes, at: &offset)
    debugConsole.save(into: &bytes, at: &offset)
    panicWatch.save(into: &bytes, at: &offset)
    bytes.put(room, at: &offset)
  }

  public init(restoring bytes: RawSpan, at now: Instant) throws(StateError) {
    guard bytes.byteCount >= Self.stateSize else { throw .truncated }
    var offset = 0
    try check(bytes.take(UInt8.self, at: &offset) == Self.layout, "the saved state is not a serial device's")
    uart = try UART(restoring: bytes, at: &offset)
    debugConsole = try ByteFIFO(restoring: bytes, at: &offset)
    panicWatch = try PanicWatch(restoring: bytes, at: &offset)
    room = try bytes.take(UInt16.self, at: &offset)
    try check(debugConsole.count <= Self.debugConsoleCapacity, "the debug console holds more bytes than it can")
  }
}

extension UART {
  func save(into bytes: inout MutableRawSpan, at offset: inout Int) {
    bytes.put(interruptEnable, at: &offset)
    bytes.put(fifoControl, at: &offset)
    bytes.put(lineControl, at: &offset)
    bytes.put(modemControl, at: &offset)
    bytes.put(modemDeltas, at: &offset)
    bytes.put(scratch, at: &offset)
    bytes.put(divisor, at: &offset)
    bytes.put(transmitterInterrupt, at: &offset)
    bytes.put(idlePolls, at: &offset)
    bytes.put(idleSince, at: &offset)
    bytes.put(receiver.overrun, at: &offset)
    bytes.put(receiver.breaks, at: &offset)
    receiver.bytes.save(into: &bytes, at: &offset)
    transmitter.save(into: &bytes, at: &offset)
  }

  init(restoring bytes: RawSpan, at offset: inout Int) throws(StateError) {
    interruptEnable = try bytes.take(UInt8.self, at: &offset)
    fifoControl = try bytes.take(UInt8.self, at: &offset)
    lineControl = try bytes.take(UInt8.self, at: &offset)
    modemControl = try bytes.take(UInt8.self, at: &offset)
    modemDeltas = try bytes.take(UInt8.self, at: &offset)
    scratch = try bytes.take(UInt8.self, at: &offset)
    divisor = try bytes.take(UInt16.self, at: &offset)
    transmitterInterrupt = try bytes.takeFlag(at: &offset)
    idlePolls = try bytes.take(UInt8.self, at: &offset)
    idleSince = try bytes.take(Int64.self, at: &offset)
    receiver.overrun = try bytes.takeFlag(at: &offset)
    receiver.breaks = try bytes.take(UInt16.self, at: &offset)
    receiver.bytes = try ByteFIFO(restoring: bytes, at: &offset)
    transmitter = try ByteFIFO(restoring: bytes, at: &offset)
    try checkRegisters()
    try checkQueues()
  }

  private func checkRegisters() throws(StateError) {
    try check(interruptEnable & ~InterruptEnable.all == 0, "IER has a reserved bit set")
    try check(fifoControl & ~FIFOControl.stored == 0, "FCR has a bit set that clears itself")
    try check(fifosEnabled || fifoControl == 0, "FCR has a trigger level although the FIFOs are off")
    try check(modemControl & ~ModemControl.all == 0, "MCR has a reserved bit set")
    try check(modemDeltas & ~ModemStatus.deltas == 0, "MSR reports a change of a line that it does not have")
    try check(idlePolls > 0 || idleSince == 0, "idle polls began although there was none")
    try check(idlePolls <= UART.listeningPolls, "the count of idle polls is above its limit")
  }

  private func checkQueues() throws(StateError) {
    try check(receiver.bytes.count <= capacity, "the receiver holds more bytes than its mode allows")
    try check(transmitter.count <= capacity, "the transmitter holds more bytes than its mode allows")
    try check(UInt32(receiver.breaks) >> UInt32(receiver.bytes.count) == 0, "a break is marked where no byte waits")
    try check(!transmitterInterrupt || transmitter.isEmpty, "the transmitter's interrupt is set although bytes wait")
  }
}

extension ByteFIFO {
  func save(into bytes: inout MutableRawSpan, at offset: inout Int) {
    bytes.put(UInt8(count), at: &offset)
    for index in 0..<Self.capacity { bytes.put(index < count ? self[index] : 0, at: &offset) }
  }

  init(restoring bytes: RawSpan, at offset: inout Int) throws(StateError) {
    self.init()
    let saved = try Int(bytes.take(UInt8.self, at: &offset))
    try check(saved <= Self.capacity, "a queue's count is above its capacity")
    for index in 0..<Self.capacity {
      let byte = try bytes.take(UInt8.self, at: &offset)
      if index < saved { _ = append(byte) } else { try check(byte == 0, "a queue has bytes behind its end") }
    }
  }
}

extension PanicWatch {
  func save(into bytes: inout MutableRawSpan, at offset: inout Int) {
    bytes.put(position.rawValue, at: &offset)
    bytes.put(matched, at: &offset)
    bytes.put(reported, at: &offset)
  }

  init(restoring bytes: RawSpan, at offset: inout Int) throws(StateError) {
    guard let position = try Position(rawValue: bytes.take(UInt8.self, at: &offset)) else {
      throw .impossible("the panic watch is at a place that no line has")
    }
    self.position = position
    matched = try bytes.take(UInt8.self, at: &offset)
    reported = try bytes.takeFlag(at: &offset)
    try check((position == .text) == (matched > 0), "the panic watch counts matches outside the text")
    try check(Int(matched) < Self.text.count, "the panic watch matched more than the text")
  }
}
