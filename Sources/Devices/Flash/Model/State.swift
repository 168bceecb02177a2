// The flash's saved state: fixed layout, 144 bytes. Its content is elsewhere (see Model.swift).

import DeviceModel

extension FlashDevice {
  public static var stateSize: Int { 144 }
  private static var layout: UInt8 { 1 }

  public func save(into bytes: inout MutableRawSpan) {
    var offset = 0
    bytes.put(Self.layout, at: &offset)
    bytes.put(mode.rawValue, at: &offset)
    bytes.put(cycle.rawValue, at: &offset)
    bytes.put(status, at: &offset)
    bytes.put(bufferBase, at: &offset)
    bytes.put(bufferGoal, at: &offset)
    bytes.put(bufferFill, at: &offset)
    for index in 0..<128 { bytes.put(buffer[index], at: &offset) }
  }

  public init(restoring bytes: RawSpan, at now: Instant) throws(StateError) {
    guard bytes.byteCount >= Self.stateSize else { throw .truncated }
    var offset = 0
    try check(bytes.take(UInt8.self, at: &offset) == Self.layout, "the saved state is not a flash's")
    guard let mode = ReadMode(rawValue: try bytes.take(UInt8.self, at: &offset)),
      let cycle = Cycle(rawValue: try bytes.take(UInt8.self, at: &offset))
    else { throw .impossible("the flash is in a mode that does not exist") }
    (self.mode, self.cycle) = (mode, cycle)
    status = try bytes.take(UInt8.self, at: &offset)
    bufferBase = try bytes.take(UInt32.self, at: &offset)
    bufferGoal = try bytes.take(UInt32.self, at: &offset)
    bufferFill = try bytes.take(UInt32.self, at: &offset)
    for index in 0..<128 { buffer[index] = try bytes.take(UInt8.self, at: &offset) }
    try checkBuffer()
    try check(status & ~Status.sequenceError == Status.ready, "the flash's status has a bit that it never sets")
  }

  private func checkBuffer() throws(StateError) {
    try check(bufferBase & 3 == 0 && bufferBase < FlashGeometry.window, "the write buffer lies outside the flash")
    try check(bufferGoal & 3 == 0 && bufferGoal <= FlashGeometry.bufferSize, "the write buffer has an impossible size")
    try check(bufferBase <= FlashGeometry.window - bufferGoal, "the write buffer lies outside the flash")
    // The last access may have brought 7 bytes more than were missing.
    let filling = cycle == .bufferData
    try check(!filling || bufferFill < bufferGoal, "the write buffer is full and still waits for data")
    try check(bufferFill <= FlashGeometry.bufferSize + 7, "the write buffer holds more than fits")
  }
}
