import DeviceModel
import Testing

@testable import RTCModel

@Suite("RTC: alarms")
struct AlarmTests {
  @Test(
    "an alarm comes exactly at its second, whichever of the three it is", arguments: [0x34, 0x38, 0x3c] as [UInt32])
  func exact(register: UInt32) {
    var rig = RTCRig()
    rig.store(register, toyMatch(2026, 7, 25, 17, 20, 10))
    #expect(!rig.pulsed)
    #expect(rig.device.deadline == rig.now.monotonic + 9_700_000_000)
    rig.pass(9_699_999_999)
    rig.elapse()
    #expect(!rig.pulsed)
    rig.pass(1)
    rig.elapse()
    #expect(rig.pulsed)
    #expect(rig.device.interruptPending)
  }

  @Test(
    "alarms minutes to decades ahead come to the nanosecond",
    arguments: [
      (toyMatch(2026, 7, 25, 17, 30, 0), 600), (toyMatch(2026, 7, 26, 17, 20, 0), 86_400),
      (toyMatch(2027, 7, 25, 17, 20, 0), 365 * 86_400),
    ] as [(UInt32, Int64)])
  func farAhead(match: UInt32, seconds: Int64) {
    var rig = RTCRig()
    rig.store(0x34, match)
    let expected = seconds * second - 300_000_000
    #expect(rig.device.deadline == rig.now.monotonic + min(expected, 60 * second))
    // Not by minutes for a year: the driver comes when it likes.
    rig.pass(expected - 1)
    rig.elapse()
    #expect(!rig.pulsed)
    #expect(rig.waitForPulse(limit: 60 * second) == 1)
  }

  @Test("a waiting driver that goes from deadline to deadline gets the alarm in its time")
  func byDeadlines() {
    var rig = RTCRig()
    rig.store(0x34, toyMatch(2026, 7, 25, 18, 20, 0))
    #expect(rig.waitForPulse(limit: 7200 * second) == 3600 * second - 300_000_000)
  }

  @Test(
    "a match that names no moment is an alarm that is off",
    arguments: [
      0, toyMatch(2026, 0, 25, 17, 20, 10), toyMatch(2026, 13, 25, 17, 20, 10), toyMatch(2026, 7, 0, 17, 20, 10),
      toyMatch(2026, 6, 31, 17, 20, 10), toyMatch(2027, 2, 29, 0, 0, 0), toyMatch(2026, 7, 25, 24, 0, 0),
      toyMatch(2026, 7, 25, 23, 60, 0), toyMatch(2026, 7, 25, 23, 0, 60),
    ] as [UInt32])
  func off(match: UInt32) {
    var rig = RTCRig()
    rig.store(0x34, match)
    #expect(rig.load(0x34) == match)
    let first = rig.device.toy.due[0]
    #expect(first == never || CalendarTime(nanoseconds: first).year > 2026 + 60)
  }

  @Test("a match in the past comes 64 years later, as its year has 6 bits")
  func nextRound() {
    var rig = RTCRig()
    rig.store(0x34, toyMatch(2026, 7, 25, 17, 19, 59))
    #expect(!rig.pulsed)
    #expect(CalendarTime(nanoseconds: rig.device.toy.due[0]).year == 2090)
  }

  @Test("a match in the second that runs now comes with the store")
  func now() {
    var rig = RTCRig()
    rig.store(0x34, toyMatch(2026, 7, 25, 17, 20, 0))
    #expect(rig.pulsed)
    #expect(rig.device.interruptPending)
  }

  @Test("an alarm stays pending, and every access pulses again, until its MATCH register is written")
  func pending() {
    var rig = RTCRig()
    rig.store(0x34, toyMatch(2026, 7, 25, 17, 20, 1))
    rig.pass(second)
    rig.elapse()
    #expect(rig.pulsed)
    rig.elapse()
    #expect(!rig.pulsed)
    _ = rig.load(0x2c)
    #expect(rig.pulsed)
    rig.store(0x38, 0)
    #expect(rig.pulsed)
    rig.store(0x34, 0)
    #expect(!rig.pulsed)
    #expect(!rig.device.interruptPending)
    #expect(rig.device.deadline == nil)
  }

  @Test("an alarm that a guest's access finds due is signalled with it")
  func foundByAccess() {
    var rig = RTCRig()
    rig.store(0x34, toyMatch(2026, 7, 25, 17, 20, 1))
    rig.pass(second)
    _ = rig.load(0x2c)
    #expect(rig.pulsed)
  }

  @Test("when the guest sets its clock, the alarm's distance changes with it")
  func guestSetsClock() {
    var rig = RTCRig()
    rig.store(0x34, toyMatch(2030, 1, 1, 0, 1, 0))
    rig.setClock(2030, 1, 1, 0, 0, 0)
    #expect(rig.waitForPulse(limit: 120 * second) == 60 * second)
  }

  @Test("when the host sets its clock past the alarm, it comes at the next look, at most a minute later")
  func hostSetsClock() {
    var rig = RTCRig()
    rig.store(0x34, toyMatch(2026, 7, 25, 18, 20, 0))
    rig.now.realtime += 2 * 3600 * second
    let waited = rig.waitForPulse(limit: 7200 * second)
    #expect(waited == 60 * second)
  }

  @Test("while the clock is off alarms rest; switched on before its second, an alarm comes")
  func switchedOff() {
    var rig = RTCRig()
    rig.store(0x34, toyMatch(2026, 7, 25, 17, 20, 10))
    rig.store(0x40, 0x100)
    #expect(rig.device.deadline == nil)
    rig.pass(5 * second)
    rig.store(0x40, 0x900)
    #expect(rig.waitForPulse(limit: 60 * second) == 4_700_000_000)
  }

  @Test("an alarm that fell due while no process was there comes with the next incarnation")
  func overRestart() throws {
    var rig = RTCRig()
    rig.store(0x34, toyMatch(2026, 7, 25, 17, 20, 1))
    let bytes = saved(rig.device)
    rig.pass(3600 * second)
    rig.device = try RTCDevice(restoring: bytes.span.bytes, at: rig.now)
    #expect(rig.waitForPulse(limit: second) == 0)
  }

  @Test(
    "a counter alarm comes at its tick, and again when the counter has gone round",
    arguments: [0x6c, 0x70, 0x74] as [UInt32])
  func counterAlarm(register: UInt32) {
    var rig = RTCRig(at: Instant(monotonic: 0, realtime: RTCRig.start.realtime))
    rig.store(0x40, 0x2900)
    rig.store(0x64, 100)
    rig.store(register, 100 + 16_384)
    #expect(rig.waitForPulse(limit: second) == 500_000_000)
    #expect(rig.load(0x68) == 100 + 16_384)
    rig.store(register, rig.load(register))
    #expect(rig.pulsed)
    #expect(rig.device.counter.due[Int(register - 0x6c) / 4] == 16_384 + 1 << 32)
  }

  @Test("a counter alarm of 0 is off, and one of the counter's present value comes at once")
  func counterEdges() {
    var rig = RTCRig()
    rig.store(0x40, 0x2900)
    rig.store(0x6c, 0)
    #expect(rig.device.deadline == nil)
    rig.store(0x70, rig.load(0x68))
    #expect(rig.pulsed)
  }

  @Test("Linux's alarm: set it, be woken, acknowledge with 0")
  func linux() {
    var rig = RTCRig()
    rig.store(0x40, rig.load(0x40) | 0x900)
    let low = rig.load(0x2c)
    let fields = CalendarTime(low: low, yearsSince1900: rig.load(0x30))
    #expect(fields.second == 0)
    rig.store(0x34, toyMatch(2026, 7, 25, 17, 20, 2))
    #expect(rig.waitForPulse(limit: 10 * second) == 1_700_000_000)
    rig.store(0x34, 0)
    #expect(!rig.device.interruptPending)
  }
}
