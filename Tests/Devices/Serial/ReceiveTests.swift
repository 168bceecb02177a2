import DeviceModel
import Testing

@testable import SerialModel

@Suite("Serial: receiving")
struct ReceiveTests {
  @Test("bytes come out in order, and LSR tells of them")
  func order() {
    var rig = SerialRig()
    rig.openPort()
    #expect(rig.offer(Array("abc".utf8)) == 3)
    for byte in "abc".utf8 {
      #expect(rig.load(.lsr) & 0x01 == 0x01)
      #expect(rig.load(.data) == byte)
    }
    #expect(rig.load(.lsr) & 0x01 == 0)
    #expect(rig.load(.data) == 0)
  }

  @Test("the receiver takes 16 bytes, or 1 in 16450 mode, and then no more", arguments: [(true, 16), (false, 1)])
  func capacity(fifos: Bool, capacity: Int) {
    var rig = SerialRig()
    if fifos { rig.openPort() }
    rig.store(.mcr, 0x03)
    rig.store(.ier, 0x01)
    #expect(rig.offer(Array(0..<40)) == capacity)
    #expect(rig.device.receiveCapacity == 0)
    _ = rig.load(.data)
    #expect(rig.device.receiveCapacity == 1)
  }

  @Test(
    "below the trigger level the cause is the time-out, from it on the data",
    arguments: [(1, 1), (4, 4), (8, 8), (14, 14)] as [(UInt8, Int)])
  func trigger(level: UInt8, bytes: Int) {
    var rig = SerialRig()
    rig.openPort(trigger: level)
    for count in 1...16 {
      rig.offer([UInt8(count)])
      #expect(rig.load(.iirFCR) == (count >= bytes ? 0xc4 : 0xcc))
    }
  }

  @Test("in 16450 mode one byte is the data cause, and the upper bits of IIR are 0")
  func singleByteCause() {
    var rig = SerialRig()
    rig.store(.mcr, 0x03)
    rig.store(.ier, 0x01)
    rig.offer([7])
    #expect(rig.pulsed)
    #expect(rig.load(.iirFCR) == 0x04)
    #expect(rig.load(.data) == 7)
    #expect(rig.load(.iirFCR) == 0x01)
  }

  @Test("every access that leaves data behind pulses again; the one that takes the last byte does not")
  func pulsesAgain() {
    var rig = SerialRig()
    rig.openPort()
    rig.offer([1, 2, 3])
    #expect(rig.pulsed)
    _ = rig.load(.iirFCR)
    #expect(rig.pulsed)
    _ = rig.load(.data)
    #expect(rig.pulsed)
    _ = rig.load(.data)
    #expect(rig.pulsed)
    _ = rig.load(.data)
    #expect(!rig.pulsed)
  }

  @Test("data that waits while the interrupt is off pulses when it is switched on")
  func enableLater() {
    var rig = SerialRig()
    rig.openPort()
    rig.offer([1])
    rig.store(.ier, 0)
    #expect(!rig.pulsed)
    rig.store(.ier, 1)
    #expect(rig.pulsed)
  }

  @Test("FCR bit 1 empties the receiver")
  func resetReceiver() {
    var rig = SerialRig()
    rig.openPort()
    rig.offer([1, 2, 3])
    rig.store(.iirFCR, 0x03)
    #expect(rig.load(.lsr) & 0x01 == 0)
    #expect(rig.load(.iirFCR) == 0xc1)
  }

  @Test("before the guest listens, nothing is taken that its driver would throw away")
  func notListening() {
    var rig = SerialRig()
    #expect(rig.offer([1]) == 0)
    rig.store(.iirFCR, 0x07)
    _ = rig.load(.lsr)
    #expect(rig.offer([1]) == 0)
    rig.store(.ier, 0x01)
    #expect(rig.offer([1]) == 1)
  }

  @Test("a driver that only looks for the chip, and sets all of IER for that, takes nothing")
  func probing() {
    var rig = SerialRig()
    rig.store(.ier, 0x0f)
    #expect(rig.offer([1]) == 0)
    rig.store(.mcr, 0x01)
    #expect(rig.offer([1]) == 0)
    rig.store(.mcr, 0x03)
    #expect(rig.offer([1]) == 1)
  }

  @Test("a guest that polls LSR in a loop listens; one that sends between its looks does not")
  func polling() {
    var poller = SerialRig()
    for _ in 0..<64 { _ = poller.load(.lsr) }
    #expect(poller.offer([1, 2]) == 1)
    #expect(poller.load(.lsr) & 1 == 1)
    #expect(poller.load(.data) == 1)
    #expect(poller.offer([2]) == 1)

    var sender = SerialRig()
    for _ in 0..<100 {
      for _ in 0..<4 { _ = sender.load(.lsr) }
      sender.store(.data, 0x41)
    }
    #expect(sender.device.receiveCapacity == 0)
  }

  @Test("a guest that looks every now and then, and at the modem's registers too, listens from its eighth look on")
  func slowPolling() {
    var rig = SerialRig()
    func look() {
      _ = rig.load(.lsr)
      _ = rig.load(.msr)
      _ = rig.load(.mcr)
      rig.time.monotonic += 20_000_000
    }
    for _ in 0..<7 { look() }
    #expect(rig.device.receiveCapacity == 0)
    look()
    #expect(rig.offer([1, 2]) == 1)
    _ = rig.load(.data)
    rig.store(.lcr, 0x03)
    #expect(rig.device.receiveCapacity == 0)
    for _ in 0..<8 { look() }
    #expect(rig.device.receiveCapacity == 1)
  }

  @Test("a console that writes now and then looks at LSR before and after each byte, and does not listen for that")
  func slowWriting() {
    var rig = SerialRig()
    for _ in 0..<10 {
      for _ in 0..<2 { _ = rig.load(.lsr) }
      #expect(rig.device.receiveCapacity == 0)
      rig.store(.data, 0x41)
      for _ in 0..<2 { _ = rig.load(.lsr) }
      rig.time.monotonic += 20_000_000
    }
  }

  @Test("more bytes than the driver may send set the overrun error, which LSR reports once", arguments: [true, false])
  func overrun(fifos: Bool) {
    var rig = SerialRig()
    if fifos { rig.store(.iirFCR, 0x01) }
    rig.store(.ier, 0x05)
    var effects = Effects()
    let bytes = (0..<20).map { UInt8($0) }
    rig.device.receive(bytes.span.bytes, at: SerialRig.now, &effects)
    #expect(rig.load(.iirFCR) & 0x0f == 0x06)
    #expect(rig.load(.lsr) & 0x03 == 0x03)
    #expect(rig.load(.lsr) & 0x03 == 0x01)
    #expect(rig.load(.data) == (fifos ? 0 : 19))
  }
}

@Suite("Serial: loopback, modem lines and priorities")
struct LoopbackTests {
  @Test(
    "in loopback MSR shows the outputs of MCR",
    arguments: [(0x10, 0x00), (0x11, 0x20), (0x12, 0x10), (0x14, 0x40), (0x18, 0x80), (0x1a, 0x90), (0x1f, 0xf0)]
      as [(UInt8, UInt8)])
  func lines(control: UInt8, status: UInt8) {
    var rig = SerialRig()
    rig.store(.mcr, control)
    #expect(rig.load(.msr) & 0xf0 == status)
  }

  @Test("a change of a line sets its delta and the modem cause until MSR is read; RI counts only when it ends")
  func deltas() {
    var rig = SerialRig()
    rig.store(.mcr, 0x10)
    _ = rig.load(.msr)
    rig.store(.ier, 0x08)
    rig.store(.mcr, 0x16)
    #expect(rig.pulsed)
    #expect(rig.load(.iirFCR) == 0x00)
    #expect(rig.load(.msr) == 0x51)
    #expect(rig.load(.iirFCR) == 0x01)
    rig.store(.mcr, 0x10)
    #expect(rig.load(.msr) == 0x05)
  }

  @Test("a byte sent in loopback is received and does not leave", arguments: [true, false])
  func data(fifos: Bool) {
    var rig = SerialRig()
    if fifos { rig.store(.iirFCR, 0x01) }
    rig.store(.ier, 0x03)
    rig.store(.mcr, 0x10)
    rig.store(.data, 0x5a)
    #expect(rig.output.isEmpty)
    #expect(rig.load(.lsr) == 0x61)
    #expect(rig.load(.data) == 0x5a)
    #expect(rig.load(.iirFCR) & 0x0f == 0x02)
  }

  @Test("in loopback the line is cut: nothing is taken from the back-end")
  func lineCut() {
    var rig = SerialRig()
    rig.openPort()
    rig.store(.mcr, 0x10)
    #expect(rig.device.receiveCapacity == 0)
    rig.store(.mcr, 0x00)
    #expect(rig.device.receiveCapacity == 16)
  }

  @Test("the 17th byte in loopback is an overrun")
  func overrun() {
    var rig = SerialRig()
    rig.store(.iirFCR, 0x01)
    rig.store(.mcr, 0x10)
    for byte in UInt8(0)..<17 { rig.store(.data, byte) }
    #expect(rig.load(.lsr) == 0x63)
    #expect((0..<16).map { _ in rig.load(.data) } == Array(0..<16))
  }

  @Test("a break in loopback is received as a 0 that LSR reports when it is next in line")
  func breakCondition() {
    var rig = SerialRig()
    rig.store(.iirFCR, 0x01)
    rig.store(.ier, 0x05)
    rig.store(.mcr, 0x10)
    rig.store(.data, 0x41)
    rig.store(.lcr, 0x40)
    #expect(rig.load(.lsr) == 0xe1)
    #expect(rig.load(.data) == 0x41)
    #expect(rig.load(.iirFCR) == 0xc6)
    #expect(rig.load(.lsr) == 0xf1)
    #expect(rig.load(.lsr) == 0x61)
    #expect(rig.load(.data) == 0)
  }

  @Test("IIR names the causes by priority, each until it is served")
  func priorities() {
    var rig = SerialRig()
    rig.store(.iirFCR, 0x01)
    rig.store(.mcr, 0x10)
    for byte in UInt8(0)..<17 { rig.store(.data, byte) }
    rig.store(.mcr, 0x11)
    rig.store(.ier, 0x0f)
    #expect(rig.load(.iirFCR) == 0xc6)
    _ = rig.load(.lsr)
    #expect(rig.load(.iirFCR) == 0xc4)
    for _ in 0..<16 { _ = rig.load(.data) }
    #expect(rig.load(.iirFCR) == 0xc2)
    #expect(rig.load(.iirFCR) == 0xc0)
    _ = rig.load(.msr)
    #expect(rig.load(.iirFCR) == 0xc1)
  }
}
