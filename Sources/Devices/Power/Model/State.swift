// The power device's saved state: fixed layout, 39 bytes.

import DeviceModel

extension PowerDevice {
  public static var stateSize: Int { 39 }
  private static let layout: UInt8 = 3

  public func save(into bytes: inout MutableRawSpan) {
    var offset = 0
    bytes.put(Self.layout, at: &offset)
    bytes.put(fixed.status, at: &offset)
    bytes.put(fixed.enable, at: &offset)
    bytes.put(fixed.control, at: &offset)
    bytes.put(fixed.gpeEnable, at: &offset)
    bytes.put(fixed.timerHalves, at: &offset)
    bytes.put(eventDevice.events, at: &offset)
    bytes.put(eventDevice.sleepType, at: &offset)
    eventDevice.hotplug.save(into: &bytes, at: &offset)
    hotplug.save(into: &bytes, at: &offset)
  }

  public init(restoring bytes: RawSpan, at now: Instant) throws(StateError) {
    guard bytes.byteCount >= Self.stateSize else { throw .truncated }
    var offset = 0
    try check(bytes.take(UInt8.self, at: &offset) == Self.layout, "the saved state is not a power device's")
    fixed = FixedHardware(at: now.monotonic)
    fixed.status = try bytes.take(UInt16.self, at: &offset)
    fixed.enable = try bytes.take(UInt16.self, at: &offset)
    fixed.control = try bytes.take(UInt32.self, at: &offset)
    fixed.gpeEnable = try bytes.take(UInt32.self, at: &offset)
    fixed.timerHalves = try bytes.take(Int64.self, at: &offset)
    eventDevice.events = try bytes.take(UInt8.self, at: &offset)
    eventDevice.sleepType = try bytes.take(UInt8.self, at: &offset)
    eventDevice.hotplug = try HotplugBlocks(restoring: bytes, at: &offset)
    hotplug = try HotplugBlocks(restoring: bytes, at: &offset)
    try checkRegisters()
  }

  private func checkRegisters() throws(StateError) {
    try check(fixed.status & ~(PM1Event.timer | PM1Event.powerButton) == 0, "PM1_STS has an event that never happens")
    try check(fixed.enable & ~PM1Event.enables == 0, "PM1_EN has a reserved bit set")
    try check(fixed.control & ~PM1Control.sleepType == 0, "PM1_CNT has a bit set that cannot be stored")
    try check(fixed.timerHalves.magnitude <= FixedHardware.halvesLimit, "the PM timer is beyond the end of time")
    try check(
      eventDevice.events & ~EventDevice.powerButtonEvent == 0, "the event device has an event that never happens")
    try check(eventDevice.sleepType & ~EventDevice.sleepType == 0, "the sleep type has a reserved bit set")
  }
}

extension HotplugBlocks {
  func save(into bytes: inout MutableRawSpan, at offset: inout Int) {
    bytes.put(cpu, at: &offset)
    bytes.put(memory, at: &offset)
  }

  init(restoring bytes: RawSpan, at offset: inout Int) throws(StateError) {
    cpu = try bytes.take(UInt32.self, at: &offset)
    memory = try bytes.take(UInt32.self, at: &offset)
  }
}
