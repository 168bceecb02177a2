import CSystem
import DeviceBus
import ProcessSupport
import System
import Testing

/// A vCPU's accesses to byte registers of region 0.
private final class Registers {
  private var ring: RingFrontEnd
  init(_ link: DeviceLink) { ring = RingFrontEnd(link, vcpu: 0) }
  func write(_ value: UInt64, at offset: UInt32) -> Bool {
    ring.write(region: 0, offset: offset, size: 1, value: value, posted: false)
  }
  func read(_ offset: UInt32) -> UInt64? { ring.read(region: 0, offset: offset, size: 1) }
}

/// A device process built for loong64 and its access ring; the test is the VMM.
@Suite(.needsLoong64) struct RingTests {
  @Test(.timeLimit(.minutes(2))) func accesses_areAnsweredInOrder() throws {
    let serial = try SerialPeer()
    let registers = Registers(try serial.link())
    for value in 0..<2000 as Range<UInt64> {
      // The UART's scratch register.
      #expect(registers.write(value & 0xff, at: 7))
      #expect(registers.read(7) == value & 0xff)
    }
    #expect(serial.leave() == .status(0))
  }

  @Test(.timeLimit(.minutes(2))) func bytesOfTheGuest_reachTheTerminal() throws {
    let serial = try SerialPeer()
    let registers = Registers(try serial.link())
    let text = "loongarch64 speaks over a UART\n"
    for byte in text.utf8 { #expect(registers.write(UInt64(byte), at: 0)) }
    #expect(try serial.line() == text)
    #expect(serial.leave() == .status(0))
  }

  @Test(.timeLimit(.minutes(2))) func killedDevice_itsSuccessorHasTheState() throws {
    let serial = try SerialPeer()
    let link = try serial.link()
    let registers = Registers(link)
    for value in 1...5 as ClosedRange<UInt64> {
      #expect(registers.write(value, at: 7))
      #expect(serial.kill() == .signal(9))
      link.detach()
      try serial.start()
      try link.reattach(wake: try serial.wake.descriptor.duplicate())
      #expect(registers.read(7) == value)
    }
    #expect(serial.leave() == .status(0))
  }
}
