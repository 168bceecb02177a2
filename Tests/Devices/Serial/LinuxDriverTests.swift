// The accesses of Linux's 8250 driver, written down from what it does to the chip.

import DeviceModel
import Testing

@testable import SerialModel

@Suite("Serial: Linux's 8250 driver")
struct LinuxDriverTests {
  /// Finds the kind of UART: scratch IER test, loopback test, FIFO bits, and the tests for relatives of the 16550A.
  @Test("the probe finds a 16550A")
  func probe() {
    var rig = SerialRig()
    rig.store(.ier, 0x00)
    #expect(rig.load(.ier) & 0x0f == 0x00)
    rig.store(.ier, 0x0f)
    #expect(rig.load(.ier) & 0x0f == 0x0f)
    rig.store(.ier, 0x00)

    rig.store(.mcr, 0x1a)
    #expect(rig.load(.msr) & 0xf0 == 0x90)
    rig.store(.mcr, 0x00)

    rig.store(.lcr, 0xbf)
    rig.store(.iirFCR, 0x00)
    rig.store(.lcr, 0x00)
    rig.store(.iirFCR, 0x01)
    #expect(rig.load(.iirFCR) >> 6 == 3)

    // An enhanced feature register would read 0 here.
    rig.store(.lcr, 0x80)
    #expect(rig.load(.iirFCR) != 0)
    rig.store(.lcr, 0xbf)
    #expect(rig.load(.iirFCR) != 0)

    // A National "Super I/O" chip would show MCR's loopback bit in its EXCR1.
    rig.store(.lcr, 0x00)
    rig.store(.mcr, 0x10)
    rig.store(.lcr, 0xe0)
    #expect(rig.load(.iirFCR) & 0x10 == 0)
    rig.store(.lcr, 0x00)
    rig.store(.mcr, 0x00)

    // A 16750 would show bit 5.
    rig.store(.iirFCR, 0x21)
    #expect(rig.load(.iirFCR) >> 5 == 6)
    // An XScale UART would keep IER bit 6.
    rig.store(.iirFCR, 0x01)
    rig.store(.ier, 0x40)
    #expect(rig.load(.ier) & 0x40 == 0)
  }

  @Test("the FIFO size test in loopback counts 16 bytes")
  func fifoSize() {
    var rig = SerialRig()
    rig.store(.iirFCR, 0x07)
    rig.store(.mcr, 0x10)
    for byte in UInt8(0)..<255 { rig.store(.data, byte) }
    var count = 0
    while rig.load(.lsr) & 0x01 != 0, count < 256 {
      _ = rig.load(.data)
      count += 1
    }
    #expect(count == 16)
  }

  private func startUp(_ rig: inout SerialRig) {
    rig.store(.iirFCR, 0x01)
    rig.store(.iirFCR, 0x07)
    rig.store(.iirFCR, 0x00)
    for reg in [Reg.lsr, .data, .iirFCR, .msr] { _ = rig.load(reg) }
    rig.store(.lcr, 0x03)
    rig.store(.mcr, 0x08)
    rig.store(.ier, 0x02)
    #expect(rig.load(.iirFCR) & 0x01 == 0)
    rig.store(.ier, 0x00)
    rig.store(.iirFCR, 0x81)
    for reg in [Reg.lsr, .data, .iirFCR, .msr] { _ = rig.load(reg) }
    rig.store(.ier, 0x05)
  }

  @Test("what was typed before the driver started is there when it has")
  func typedEarly() {
    var rig = SerialRig()
    #expect(rig.offer(Array("poweroff\n".utf8)) == 0)
    startUp(&rig)
    #expect(rig.offer(Array("poweroff\n".utf8)) == 9)
    #expect(handleInterrupt(&rig, sending: []).received == Array("poweroff\n".utf8))
  }

  /// One run of the interrupt handler: look at IIR until nothing is pending; read what came, refill what went.
  private func handleInterrupt(_ rig: inout SerialRig, sending: [UInt8]) -> (received: [UInt8], left: [UInt8]) {
    var received: [UInt8] = []
    var left = sending
    for _ in 0..<512 {
      let identification = rig.load(.iirFCR)
      if identification & 0x01 != 0 { break }
      var status = rig.load(.lsr)
      while status & 0x11 != 0 {
        received.append(rig.load(.data))
        status = rig.load(.lsr)
      }
      _ = rig.load(.msr)
      guard status & 0x20 != 0, rig.device.uart.interruptEnable & 0x02 != 0 else { continue }
      for byte in left.prefix(16) { rig.store(.data, byte) }
      left.removeFirst(min(16, left.count))
      if left.isEmpty { rig.store(.ier, 0x05) }
    }
    return (received, left)
  }

  @Test("a long text goes out by interrupts alone, whatever the room is", arguments: [1, 3, 16, 17, 1000])
  func transmitFlow(step: Int) {
    var rig = SerialRig()
    startUp(&rig)
    let text = Array(String(repeating: "All work and no play. ", count: 40).utf8)
    rig.makeRoom(0)
    rig.store(.ier, 0x07)
    var left = text
    var raised = rig.pulsed
    for _ in 0..<10_000 where rig.output.count < text.count {
      if raised {
        raised = false
        let before = rig.pulses
        left = handleInterrupt(&rig, sending: left).left
        raised = rig.pulses > before && rig.device.interruptPending
      }
      rig.makeRoom(step)
      raised = raised || rig.pulsed
    }
    #expect(rig.output == text)
  }

  @Test("a long paste comes in by interrupts alone, whatever the pieces are", arguments: [1, 5, 16, 100])
  func receiveFlow(step: Int) {
    var rig = SerialRig()
    startUp(&rig)
    let text = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
    var sent = 0
    var received: [UInt8] = []
    while received.count < text.count {
      sent += rig.offer(Array(text[sent..<min(text.count, sent + step)]))
      guard rig.pulsed else { break }
      received += handleInterrupt(&rig, sending: []).received
    }
    #expect(received == text)
  }

  @Test("the console writes by polling: each byte after THRE and TEMT")
  func pollingConsole() {
    var rig = SerialRig()
    rig.store(.ier, 0)
    for byte in "earlycon: ns16550a\r\n".utf8 {
      rig.store(.data, byte)
      #expect(rig.load(.lsr) & 0x60 == 0x60)
    }
    #expect(rig.text == "earlycon: ns16550a\r\n")
    #expect(rig.pulses == 0)
  }
}
