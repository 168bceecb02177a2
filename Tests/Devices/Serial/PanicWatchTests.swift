import DeviceModel
import Testing

@testable import SerialModel

@Suite("Serial: panic watch")
struct PanicWatchTests {
  @Test(
    "the kernel's words at the start of a line are a panic",
    arguments: [
      "Kernel panic - not syncing: x\r\n", "boot\r\nKernel panic - not syncing",
      "[    1.234567] Kernel panic - not syncing: VFS",
      "\n<0>[   12.000001] Kernel panic - not syncing",
      "\r\n[    1.234567][    T1] Kernel panic - not syncing: Attempted",
      "Kernel pani\nKernel panic - not syncing", "[1]  Kernel panic - not syncing", "\n\n<2>Kernel panic - not syncing",
    ])
  func found(text: String) {
    var rig = SerialRig()
    rig.send(text)
    #expect(rig.machine == [.guestPanic])
    #expect(rig.text == text)
  }

  @Test(
    "the words elsewhere in a line, or other words, are not",
    arguments: [
      "echo Kernel panic - not syncing", "Kernel panic - not synching", "kernel panic - not syncing",
      " Kernel panic - not syncing",
      "[    1.23] ---[ end Kernel panic - not syncing: x ]---", "<x>Kernel panic - not syncing",
      "[ok] Kernel panic - not syncing",
      "KKernel panic - not syncing", "Kernel panic - \nnot syncing", "Kernel panic - not syncin",
    ])
  func notFound(text: String) {
    var rig = SerialRig()
    rig.send(text)
    #expect(rig.machine.isEmpty)
  }

  @Test("a panic is reported once, also over restarts in the middle of the words")
  func once() throws {
    var rig = SerialRig()
    for byte in "[    1.5] Kernel panic - not syncing\nKernel panic - not syncing\n".utf8 {
      rig.store(.data, byte)
      rig.device = try SerialDevice(restoring: saved(rig.device).span.bytes, at: SerialRig.now)
    }
    #expect(rig.machine == [.guestPanic])
  }

  @Test("a panic in loopback or on the debug console is none")
  func elsewhere() {
    var rig = SerialRig()
    for byte in "Kernel panic - not syncing".utf8 { rig.store(0, UInt64(byte), region: 1) }
    rig.store(.mcr, 0x10)
    rig.send("Kernel panic - not syncing")
    #expect(rig.machine.isEmpty)
  }

  @Test("a panic is reported when its words leave, not when they wait")
  func whenItLeaves() {
    var rig = SerialRig()
    rig.openPort()
    rig.send("Kernel panic ")
    rig.makeRoom(0)
    rig.send("- not syncing")
    #expect(rig.machine.isEmpty)
    rig.makeRoom(100)
    #expect(rig.machine == [.guestPanic])
  }
}
