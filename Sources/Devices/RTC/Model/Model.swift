// The LS7A real-time clock. Deliberately absent: a battery (the clock starts at the host's time, and what a guest set is lost with
// the machine), and the wake-up path through the ACPI PM block, which belongs to another device.

import DeviceModel

/// The LS7A's calendar clock (TOY) and 32768 Hz counter (RTC), each with three alarms that share one interrupt.
///
/// Region 0, 256 bytes of 32-bit registers. Accesses of 4 bytes, and of 8 as two of them, at multiples of 4; others read 0 and
/// write nothing. While a counter is off it reads 0 and its alarms rest; its clock goes on behind that.
///
/// An alarm stays pending until its MATCH register is written, as the chip holds its interrupt line.
public struct RTCDevice: DeviceModel, Sendable {
  public static var regions: [RegionLayout] { [RegionLayout(size: 0x100, posted: false)] }

  /// With an alarm of the calendar clock set, the host's clock is looked at this often: a model learns of its being set only when
  /// it is called.
  static let longestWait: Int64 = 60 * CalendarTime.nanosecondsPerSecond

  var control = Control.atReset
  var toyTrim: UInt32 = 0
  var rtcTrim: UInt32 = 0
  var toy = TimeOfYear()
  var counter = TickCounter()
  /// Alarms that came and whose MATCH register was not written since: bits 2:0 TOY, bits 5:3 RTC.
  var pending: UInt8 = 0
  /// The time of the last call. Not part of the state: a new incarnation gets the time with it.
  var lastSeen: Instant

  public init(at now: Instant) { lastSeen = now }

  var toyRuns: Bool {
    control & (Control.toyEnable | Control.crystalEnable) == Control.toyEnable | Control.crystalEnable
  }
  var rtcRuns: Bool {
    control & (Control.rtcEnable | Control.crystalEnable) == Control.rtcEnable | Control.crystalEnable
  }

  public var interruptPending: Bool { pending != 0 }

  // MARK: Guest accesses

  public mutating func read(_ access: Access, at now: Instant, _ effects: inout Effects) -> UInt64 {
    ringAlarms(at: now, &effects)
    guard access.region == 0, access.offset & 3 == 0, access.size >= 4 else { return 0 }
    var value = UInt64(readRegister(access.offset))
    if access.size == 8 { value |= UInt64(readRegister(access.offset &+ 4)) << 32 }
    signalPending(&effects)
    return value
  }

  public mutating func write(_ access: Access, value: UInt64, at now: Instant, _ effects: inout Effects) {
    ringAlarms(at: now, &effects)
    guard access.region == 0, access.offset & 3 == 0, access.size >= 4 else { return }
    writeRegister(access.offset, UInt32(truncatingIfNeeded: value))
    if access.size == 8 { writeRegister(access.offset &+ 4, UInt32(truncatingIfNeeded: value >> 32)) }
    // An alarm for this very moment comes with the store that sets it.
    ringAlarms(at: now, &effects)
    signalPending(&effects)
  }

  private mutating func readRegister(_ offset: UInt32) -> UInt32 {
    toy.writtenLow = nil
    switch offset {
    case Register.toyTrim: return toyTrim
    case Register.rtcTrim: return rtcTrim
    case Register.toyReadLow: return toyRuns ? toy.date(at: lastSeen).low : 0
    case Register.toyReadHigh: return toyRuns ? toy.date(at: lastSeen).yearsSince1900 : 0
    case Register.rtcRead: return rtcRuns ? counter.value(at: lastSeen) : 0
    case Register.control: return control
    default: break
    }
    if let index = Self.index(of: offset, from: Register.toyMatch) { return toy.match[index] }
    if let index = Self.index(of: offset, from: Register.rtcMatch) { return counter.match[index] }
    return 0
  }

  private mutating func writeRegister(_ offset: UInt32, _ value: UInt32) {
    if offset != Register.toyWriteHigh { toy.writtenLow = nil }
    switch offset {
    case Register.toyTrim: toyTrim = value
    case Register.rtcTrim: rtcTrim = value
    case Register.toyWriteLow:
      toy.writeLow(value, at: lastSeen)
      armTOY()
    case Register.toyWriteHigh:
      toy.writeHigh(value, at: lastSeen)
      armTOY()
    case Register.rtcWrite:
      counter.write(value, at: lastSeen)
      armCounter()
    case Register.control: writeControl(value)
    default: writeMatch(offset, value)
    }
  }

  private mutating func writeControl(_ value: UInt32) {
    let toyRan = toyRuns
    let rtcRan = rtcRuns
    control = value & Control.stored
    if toyRuns != toyRan { armTOY() }
    if rtcRuns != rtcRan { armCounter() }
  }

  private mutating func writeMatch(_ offset: UInt32, _ value: UInt32) {
    if let index = Self.index(of: offset, from: Register.toyMatch) {
      toy.match[index] = value
      toy.arm(index, at: lastSeen, running: toyRuns)
      pending &= ~(1 << UInt8(index))
    } else if let index = Self.index(of: offset, from: Register.rtcMatch) {
      counter.match[index] = value
      counter.arm(index, at: lastSeen, running: rtcRuns)
      pending &= ~(8 << UInt8(index))
    }
  }

  /// Which of three registers in a row stands at `offset`.
  private static func index(of offset: UInt32, from first: UInt32) -> Int? {
    offset >= first && offset < first + 12 ? Int(offset - first) / 4 : nil
  }

  // MARK: Alarms

  private mutating func armTOY() {
    for index in 0..<3 { toy.arm(index, at: lastSeen, running: toyRuns) }
  }

  private mutating func armCounter() {
    for index in 0..<3 { counter.arm(index, at: lastSeen, running: rtcRuns) }
  }

  /// Takes note of the time and of the alarms that have come; a new one is signalled.
  private mutating func ringAlarms(at now: Instant, _ effects: inout Effects) {
    lastSeen = now
    let came = toy.takeDue(at: now) | counter.takeDue(at: now) << 3
    pending |= came
    if came != 0 { effects.interrupt = true }
  }

  /// After a guest's access: the pin is an edge, so whatever is still pending is signalled again.
  private func signalPending(_ effects: inout Effects) {
    if interruptPending { effects.interrupt = true }
  }

  /// The next alarm's time; for an alarm of the calendar clock, at most a minute away.
  public var deadline: Int64? {
    let wait = toy.untilDue(at: lastSeen).map { min($0, Self.longestWait) }
    let toyDeadline = wait.map { lastSeen.monotonic.addingSaturated($0) }
    guard let counterDeadline = counter.nextDue else { return toyDeadline }
    return min(toyDeadline ?? never, counterDeadline)
  }

  public mutating func elapse(at now: Instant, _ effects: inout Effects) { ringAlarms(at: now, &effects) }

  // MARK: What a clock does not have

  public var receiveCapacity: Int { 0 }
  public mutating func receive(_ bytes: RawSpan, at now: Instant, _ effects: inout Effects) {}
  public mutating func outputRoom(_ bytes: Int, at now: Instant, _ effects: inout Effects) {}
  public mutating func hostEvent(_ event: HostEvent, at now: Instant, _ effects: inout Effects) {}
}
