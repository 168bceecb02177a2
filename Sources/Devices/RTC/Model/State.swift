// The clock's saved state: fixed layout, 103 bytes.

import DeviceModel

extension RTCDevice {
  public static var stateSize: Int { 103 }
  private static let layout: UInt8 = 2

  public func save(into bytes: inout MutableRawSpan) {
    var offset = 0
    bytes.put(Self.layout, at: &offset)
    bytes.put(control, at: &offset)
    bytes.put(toyTrim, at: &offset)
    bytes.put(rtcTrim, at: &offset)
    bytes.put(pending, at: &offset)
    toy.save(into: &bytes, at: &offset)
    counter.save(into: &bytes, at: &offset)
  }

  public init(restoring bytes: RawSpan, at now: Instant) throws(StateError) {
    guard bytes.byteCount >= Self.stateSize else { throw .truncated }
    var offset = 0
    try check(bytes.take(UInt8.self, at: &offset) == Self.layout, "the saved state is not a real-time clock's")
    lastSeen = now
    control = try bytes.take(UInt32.self, at: &offset)
    toyTrim = try bytes.take(UInt32.self, at: &offset)
    rtcTrim = try bytes.take(UInt32.self, at: &offset)
    pending = try bytes.take(UInt8.self, at: &offset)
    toy = try TimeOfYear(restoring: bytes, at: &offset)
    counter = try TickCounter(restoring: bytes, at: &offset)
    try checkAlarms()
  }

  private func checkAlarms() throws(StateError) {
    try check(control & ~Control.stored == 0, "RTCCTRL has a bit set that cannot be stored")
    try check(pending < 0x40, "more than six alarms are pending")
    for index in 0..<3 {
      try check(toy.agrees(index), "an alarm's time is not what its TOYMATCH register says")
      try check(toyRuns || toy.due[index] == never, "an alarm is set although the TOY counter is off")
      try check(counter.agrees(index), "an alarm's tick is not what its RTCMATCH register says")
      try check(rtcRuns || counter.due[index] == never, "an alarm is set although the RTC counter is off")
    }
  }
}

extension TimeOfYear {
  func save(into bytes: inout MutableRawSpan, at offset: inout Int) {
    bytes.put(self.offset, at: &offset)
    bytes.put(writtenLow != nil, at: &offset)
    bytes.put(writtenLow ?? 0, at: &offset)
    for index in 0..<3 {
      bytes.put(match[index], at: &offset)
      bytes.put(due[index], at: &offset)
    }
  }

  init(restoring bytes: RawSpan, at offset: inout Int) throws(StateError) {
    self.offset = try bytes.take(Int64.self, at: &offset)
    let hasWrittenLow = try bytes.takeFlag(at: &offset)
    let low = try bytes.take(UInt32.self, at: &offset)
    try check(hasWrittenLow || low == 0, "half a date waits although none was written")
    writtenLow = hasWrittenLow ? low : nil
    for index in 0..<3 {
      match[index] = try bytes.take(UInt32.self, at: &offset)
      due[index] = try bytes.take(Int64.self, at: &offset)
    }
  }
}

extension TickCounter {
  func save(into bytes: inout MutableRawSpan, at offset: inout Int) {
    bytes.put(self.offset, at: &offset)
    for index in 0..<3 {
      bytes.put(match[index], at: &offset)
      bytes.put(due[index], at: &offset)
    }
  }

  init(restoring bytes: RawSpan, at offset: inout Int) throws(StateError) {
    self.offset = try bytes.take(UInt32.self, at: &offset)
    for index in 0..<3 {
      match[index] = try bytes.take(UInt32.self, at: &offset)
      due[index] = try bytes.take(Int64.self, at: &offset)
    }
  }
}
