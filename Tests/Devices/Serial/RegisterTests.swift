import DeviceModel
import Testing

@testable import SerialModel

@Suite("Serial: registers")
struct RegisterTests {
  @Test(
    "after power-on each register reads its reset value",
    arguments: [
      (Reg.data, 0x00), (.ier, 0x00), (.iirFCR, 0x01), (.lcr, 0x00), (.mcr, 0x00), (.lsr, 0x60), (.msr, 0xb0),
      (.scr, 0x00),
    ] as [(Reg, UInt8)])
  func reset(reg: Reg, value: UInt8) {
    var rig = SerialRig()
    #expect(rig.load(reg) == value)
    #expect(!rig.pulsed)
  }

  @Test(
    "a stored value reads back with the bits that exist",
    arguments: [
      (Reg.ier, 0xff, 0x0f), (.lcr, 0xff, 0xff), (.mcr, 0x0f, 0x0f), (.mcr, 0xff, 0x1f), (.scr, 0xa5, 0xa5),
      (.lsr, 0xff, 0x60), (.msr, 0x0f, 0xb0),
    ] as [(Reg, UInt8, UInt8)])
  func storage(reg: Reg, stored: UInt8, read: UInt8) {
    var rig = SerialRig()
    rig.store(reg, stored)
    #expect(rig.load(reg) == read)
  }

  @Test("the divisor latch is behind LCR bit 7 and leaves data and IER alone")
  func divisorLatch() {
    var rig = SerialRig()
    rig.store(.ier, 0x05)
    rig.store(.lcr, 0x83)
    rig.store(.data, 0x34)
    rig.store(.ier, 0x12)
    #expect(rig.load(.data) == 0x34)
    #expect(rig.load(.ier) == 0x12)
    rig.store(.lcr, 0x03)
    #expect(rig.load(.ier) == 0x05)
    #expect(rig.output.isEmpty)
  }

  @Test("the divisor is not 0 after power-on, because guests divide by it")
  func divisorAtReset() {
    var rig = SerialRig()
    rig.store(.lcr, 0x80)
    #expect(rig.load(.data) == 1)
    #expect(rig.load(.ier) == 0)
  }

  @Test(
    "FCR switches the FIFOs, and without its bit 0 nothing",
    arguments: [
      (0x01, 0xc1), (0xc7, 0xc1), (0x00, 0x01), (0xc6, 0x01),
    ] as [(UInt8, UInt8)])
  func fifoControl(stored: UInt8, identification: UInt8) {
    var rig = SerialRig()
    rig.store(.iirFCR, stored)
    #expect(rig.load(.iirFCR) == identification)
  }

  @Test("a wider access touches the addressed byte and reads it zero-extended", arguments: [2, 4, 8] as [UInt8])
  func widths(size: UInt8) {
    var rig = SerialRig()
    rig.store(0, 0x4443_4241_4241, size: size)
    #expect(rig.text == "A")
    #expect(rig.load(3) == 0)
    #expect(rig.load(Reg.lsr.rawValue, size: 1) == 0x60)
    #expect(rig.load(Reg.lsr.rawValue, size: size) == 0x60)
  }

  @Test("an access outside the registers reads 0 and changes nothing", arguments: [0, 1, 7] as [UInt8])
  func outside(region: UInt8) {
    var rig = SerialRig()
    let before = rig.device
    rig.store(0xffff_ffff, 0x55, region: region, size: 8)
    #expect(rig.load(0xffff_fff8, region: region, size: 8) == 0)
    #expect(rig.output.isEmpty)
    #expect(saved(rig.device) == saved(withRoom(before, rig.room)))
  }

  private func withRoom(_ device: SerialDevice, _ room: Int) -> SerialDevice {
    var copy = device
    copy.room = UInt16(clamping: room)
    return copy
  }

  @Test("a byte stored in the debug console goes out, and loads return 0")
  func debugConsole() {
    var rig = SerialRig()
    rig.store(0, 0x41, region: 1)
    rig.store(1, 0x42, region: 1)
    #expect(rig.text == "A")
    #expect(rig.load(0, region: 1, size: 8) == 0)
    #expect(!rig.pulsed)
  }

  @Test("without room the debug console holds 15 bytes and drops what follows")
  func debugConsoleStalls() {
    var rig = SerialRig()
    rig.makeRoom(0)
    for byte in UInt64(0)..<20 { rig.store(0, byte, region: 1) }
    #expect(rig.output.isEmpty)
    rig.makeRoom(100)
    #expect(rig.output == Array(0..<15))
  }

  @Test("both queues full, a store with new room takes all 32 bytes out at once")
  func everythingInOneEffect() {
    var rig = SerialRig()
    rig.openPort()
    rig.makeRoom(0)
    for byte in UInt8(0)..<16 { rig.store(.data, byte) }
    for byte in UInt64(0)..<15 { rig.store(0, byte, region: 1) }
    rig.room = 100
    rig.store(.data, 0xff)
    #expect(rig.output.count == 32)
    #expect(rig.load(.lsr) & 0x60 == 0x60)
  }
}

/// The device's saved state.
func saved(_ device: SerialDevice) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: SerialDevice.stateSize)
  var span = bytes.mutableSpan
  var raw = span.mutableBytes
  device.save(into: &raw)
  return bytes
}
