import DeviceModel
import Testing

@testable import RTCModel

@Suite("RTC: clocks")
struct ClockTests {
  @Test("after power-on the calendar clock runs, without firmware, at the host's time")
  func powerOn() {
    var rig = RTCRig()
    #expect(rig.load(0x40) == 0x900)
    #expect(rig.load(0x2c) == toyLow(7, 25, 17, 20, 0, tenths: 3))
    #expect(rig.load(0x30) == 126)
    #expect(rig.device.deadline == nil)
  }

  @Test("an 8-byte load at a multiple of 4 reads two registers")
  func wideLoad() {
    var rig = RTCRig()
    #expect(rig.load(0x2c, size: 8) == UInt64(126) << 32 | UInt64(toyLow(7, 25, 17, 20, 0, tenths: 3)))
  }

  @Test(
    "accesses of 1 and 2 bytes or off a multiple of 4 read 0 and write nothing",
    arguments: [(0x40, 1), (0x40, 2), (0x41, 4), (0x3e, 8)] as [(UInt32, UInt8)])
  func badAccess(offset: UInt32, size: UInt8) {
    var rig = RTCRig()
    rig.store(offset, 0, size: size)
    #expect(rig.load(offset, size: size) == 0)
    #expect(rig.load(0x40) == 0x900)
  }

  @Test(
    "storage registers read back what exists of them",
    arguments: [
      (0x20, 0xdead_beef, 0xdead_beef), (0x60, 0xdead_beef, 0xdead_beef), (0x34, 0x1234_5678, 0x1234_5678),
      (0x38, 1, 1),
      (0x3c, 2, 2), (0x6c, 3, 3), (0x70, 4, 4), (0x74, 0xffff_ffff, 0xffff_ffff), (0x40, 0xffff_ffff, 0x2900),
      (0x40, 0, 0),
      (0x00, 1, 0), (0x44, 1, 0), (0xfc, 1, 0),
    ] as [(UInt32, UInt32, UInt32)])
  func storage(offset: UInt32, stored: UInt32, read: UInt32) {
    var rig = RTCRig()
    rig.store(offset, stored)
    #expect(rig.load(offset) == read)
  }

  @Test("the write registers read 0", arguments: [0x24, 0x28, 0x64] as [UInt32])
  func writeOnly(offset: UInt32) {
    var rig = RTCRig()
    rig.store(offset, 0x0421_0000)
    #expect(rig.load(offset) == 0)
  }

  @Test("a clock that was set runs on from there")
  func set() {
    var rig = RTCRig()
    rig.setClock(2031, 12, 31, 23, 59, 58)
    #expect(rig.load(0x2c) == toyLow(12, 31, 23, 59, 58))
    #expect(rig.load(0x30) == 131)
    rig.pass(2 * second + 700_000_000)
    #expect(rig.load(0x2c) == toyLow(1, 1, 0, 0, 0, tenths: 7))
    #expect(rig.load(0x30) == 132)
  }

  @Test("29 February is set whole, although its halves are written in a year that has none")
  func leapDay() {
    var rig = RTCRig()
    rig.setClock(2028, 2, 29, 12, 0, 0)
    #expect(rig.load(0x2c) == toyLow(2, 29, 12, 0, 0))
    #expect(rig.load(0x30) == 128)
  }

  @Test("half a date is forgotten when another register is touched")
  func halfDate() {
    var rig = RTCRig()
    rig.store(0x24, toyLow(2, 29, 12, 0, 0))
    #expect(rig.load(0x2c) == toyLow(3, 1, 12, 0, 0))
    rig.store(0x28, 128)
    #expect(rig.load(0x2c) == toyLow(3, 1, 12, 0, 0))
  }

  @Test("the clock follows when the host's is set, and keeps its own offset")
  func hostClock() {
    var rig = RTCRig()
    rig.setClock(2030, 1, 1, 0, 0, 0)
    rig.now.realtime += 3600 * second
    #expect(rig.load(0x2c) == toyLow(1, 1, 1, 0, 0))
    rig.now.realtime -= 2 * 86_400 * second
    #expect(rig.load(0x2c) == toyLow(12, 30, 1, 0, 0))
  }

  @Test(
    "switched off, the clocks read 0; switched on again, the time has gone on", arguments: [0x100, 0x800] as [UInt32])
  func switchedOff(control: UInt32) {
    var rig = RTCRig()
    rig.store(0x40, control)
    #expect(rig.load(0x2c) == 0)
    #expect(rig.load(0x30) == 0)
    rig.pass(60 * second)
    rig.store(0x40, 0x900)
    #expect(rig.load(0x2c) == toyLow(7, 25, 17, 21, 0, tenths: 3))
  }

  @Test("the counter runs at 32768 Hz from what was written, and round at 32 bits")
  func counter() {
    var rig = RTCRig()
    #expect(rig.load(0x68) == 0)
    rig.store(0x40, 0x2900)
    rig.store(0x64, 0xffff_fff0)
    #expect(rig.load(0x68) == 0xffff_fff0)
    rig.pass(second)
    #expect(rig.load(0x68) == 32_768 - 16)
    rig.now.realtime += 1000 * second
    #expect(rig.load(0x68) == 32_768 - 16)
  }

  @Test("any host time, however odd, reads as a date and never traps", arguments: [Int64.min, -1, 0, 1, Int64.max])
  func oddTimes(time: Int64) {
    var rig = RTCRig(at: Instant(monotonic: time, realtime: time))
    rig.store(0x40, 0x2900)
    for offset in stride(from: UInt32(0x20), to: 0x78, by: 4) where offset != 0x40 {
      rig.store(offset, 0xffff_ffff)
      rig.store(offset, 0x0421_0841)
      _ = rig.load(offset)
    }
    #expect((1...12).contains(rig.load(0x2c) >> 26))
    #expect(rig.load(0x30) <= 263)
    _ = rig.device.deadline
    rig.elapse()
  }
}
