import DeviceModel
import Testing

@testable import SerialModel

@Suite("Serial: transmitting")
struct TransmitTests {
  @Test("with room, bytes go out at once and THRE stays set", arguments: [false, true])
  func immediate(fifos: Bool) {
    var rig = SerialRig()
    if fifos { rig.openPort() }
    for byte in "hello\n".utf8 {
      #expect(rig.load(.lsr) & 0x60 == 0x60)
      rig.store(.data, byte)
    }
    #expect(rig.text == "hello\n")
  }

  @Test("without room THRE and TEMT drop, and nothing is lost", arguments: [(false, 1), (true, 16)])
  func flowControl(fifos: Bool, capacity: Int) {
    var rig = SerialRig()
    if fifos { rig.openPort() }
    rig.makeRoom(0)
    let bytes = (0..<capacity).map { UInt8($0) }
    for byte in bytes { rig.store(.data, byte) }
    #expect(rig.load(.lsr) & 0x60 == 0)
    #expect(rig.output.isEmpty)
    rig.makeRoom(capacity - 1)
    #expect(rig.output == Array(bytes.dropLast()))
    #expect(rig.load(.lsr) & 0x60 == 0)
    rig.makeRoom(1)
    #expect(rig.output == bytes)
    #expect(rig.load(.lsr) & 0x60 == 0x60)
  }

  @Test("a store into a full FIFO is lost, and into a full holding register replaces the byte there")
  func overrunByGuest() {
    var fifo = SerialRig()
    fifo.openPort()
    fifo.makeRoom(0)
    for byte in UInt8(0)..<20 { fifo.store(.data, byte) }
    fifo.makeRoom(100)
    #expect(fifo.output == Array(0..<16))

    var single = SerialRig()
    single.makeRoom(0)
    single.store(.data, 1)
    single.store(.data, 2)
    single.makeRoom(100)
    #expect(single.output == [2])
  }

  @Test("enabling the transmitter's interrupt while it is empty raises it, again and again")
  func enableRaises() {
    var rig = SerialRig()
    for _ in 0..<3 {
      rig.store(.ier, 0x02)
      #expect(rig.pulsed)
      #expect(rig.load(.iirFCR) == 0x02)
      #expect(rig.load(.iirFCR) == 0x01)
      #expect(!rig.pulsed)
      rig.store(.ier, 0x00)
    }
  }

  @Test("a store of IER that leaves the transmitter's bit set raises nothing new")
  func noNewEnable() {
    var rig = SerialRig()
    rig.store(.ier, 0x02)
    _ = rig.load(.iirFCR)
    rig.store(.ier, 0x03)
    #expect(!rig.pulsed)
    #expect(rig.load(.iirFCR) == 0x01)
  }

  @Test("a byte that leaves at once raises the transmitter's interrupt with its store")
  func drainedAtOnce() {
    var rig = SerialRig()
    rig.store(.ier, 0x02)
    _ = rig.load(.iirFCR)
    rig.store(.data, 0x41)
    #expect(rig.pulsed)
    #expect(rig.load(.iirFCR) == 0x02)
  }

  @Test("a byte that waits clears the transmitter's interrupt until room comes")
  func drainedLater() {
    var rig = SerialRig()
    rig.store(.ier, 0x02)
    rig.makeRoom(0)
    rig.store(.data, 0x41)
    #expect(!rig.pulsed)
    #expect(rig.load(.iirFCR) == 0x01)
    rig.makeRoom(1)
    #expect(rig.pulsed)
    #expect(rig.load(.iirFCR) == 0x02)
  }

  @Test("FCR bit 2 empties the transmitter and signals that")
  func resetTransmitter() {
    var rig = SerialRig()
    rig.openPort()
    rig.store(.ier, 0x02)
    rig.makeRoom(0)
    rig.send("abc")
    rig.store(.iirFCR, 0x05)
    #expect(rig.pulsed)
    #expect(rig.load(.lsr) & 0x60 == 0x60)
    rig.makeRoom(10)
    #expect(rig.output.isEmpty)
  }

  @Test("switching the FIFOs empties both queues", arguments: [true, false])
  func switching(on: Bool) {
    var rig = SerialRig()
    if !on { rig.openPort() }
    rig.store(.ier, 0x01)
    rig.makeRoom(0)
    rig.store(.data, 0x41)
    rig.offer([0x42])
    rig.store(.iirFCR, on ? 0x01 : 0x00)
    #expect(rig.load(.lsr) == 0x60)
  }
}
