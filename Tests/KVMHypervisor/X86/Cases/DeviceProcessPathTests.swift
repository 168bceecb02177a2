import DeviceBus
import Hypervisor
import KVMHypervisor
import System
import Testing
import X86Guest

/// The registers of the tally device (Tests/DeviceProcess/FakeDevice): region 0, then region 1, whose stores are posted.
private let (registers, posted): (UInt32, UInt32) = (0xc000_0000, 0xc000_1000)
private let vector: UInt8 = 0x41

extension X86Machine {
  /// Runs to the end as the VMM's vCPU thread does: accesses go over the device's ring and are answered from there.
  fileprivate func runToEnd(_ device: RingDevice) throws -> [GuestEvent] {
    var ring = RingFrontEnd(device.link, vcpu: 0)
    return try runToEnd(over: &ring)
  }

  fileprivate func runToEnd(over ring: inout RingFrontEnd) throws -> [GuestEvent] {
    let watchdog = try Watchdog()
    defer { watchdog.stop() }
    var events: [GuestEvent] = []
    while events.count < 100 {
      let event = GuestEvent(runner.run())
      switch event {
      case .write(UInt64(X86Machine.end), _, _): return events
      case .read(let address, let size):
        let (region, offset) = place(address)
        runner.completeRead(ring.read(region: region, offset: offset, size: size) ?? .max)
      case .write(let address, let size, let value):
        let (region, offset) = place(address)
        _ = ring.write(region: region, offset: offset, size: size, value: value, posted: region == 1)
      default: return events + [watchdog.bit ? .stuck : event]
      }
      events.append(event)
    }
    return events
  }

  private func place(_ address: UInt64) -> (UInt8, UInt32) {
    (address < UInt64(posted) ? 0 : 1, UInt32(truncatingIfNeeded: address & 0xfff))
  }
}

@Suite(.needsKVM) struct DeviceProcessPathTests {
  @Test func guestsAccessesReachADeviceProcessInOrderAndItsAnswersTheGuest() throws {
    let guest = try X86Machine()
    let device = try RingDevice("fake-device")
    var code = X86Code(at: X86Machine.codeAddress)
    code.load(size: 4, from: registers)
    code.storeEAX(to: 0x3000)
    code.store(5, size: 4, to: posted)
    code.store(7, size: 4, to: posted)
    code.store(0x41, size: 4, to: registers + 8)
    code.load(size: 4, from: posted)
    code.storeEAX(to: 0x3004)
    code.load(size: 4, from: registers + 16)
    code.storeEAX(to: 0x3008)
    code.load(size: 4, from: registers)
    code.storeEAX(to: 0x300c)
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)

    let events = try guest.runToEnd(device)

    #expect(events.count == 7)
    // Accesses until then, the sum of the stores, free places of the queue, accesses in all.
    #expect([0x3000, 0x3004, 0x3008, 0x300c].map { guest.word($0) } == [1, 5 * 31 + 7, 16, 7])
    #expect(device.link.accesses == 7)
    #expect(device.link.takeFault() == nil)
  }

  @Test func deviceProcessInterruptsTheGuestWithoutThisProcessAndTheHandlerReadsItsRegister() throws {
    let guest = try X86Machine()
    let device = try RingDevice("fake-device")
    var handler = X86Code(at: X86Machine.handlerAddress)
    handler.load(size: 4, from: posted)
    handler.storeEAX(to: 0x3000)
    handler.increment(0x3004)
    handler.endInterrupt()
    handler.returnFromInterrupt()
    guest.load(handler, handles: vector)
    var code = X86Code(at: X86Machine.codeAddress)
    code.enableLocalAPIC()
    code.store(9, size: 4, to: posted)
    code.enableInterrupts()
    code.halt()
    code.disableInterrupts()
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)
    try guest.machine.setRoutes([.message(gsi: 40, address: 0xfee0_0000, data: UInt32(vector))])
    try guest.machine.bind(device.interrupt.descriptor.raw, gsi: 40)

    let events = try guest.runToEnd(device)

    #expect(events == [.write(UInt64(posted), size: 4, 9), .read(UInt64(posted), size: 4)])
    #expect(guest.word(0x3000) == 9 && guest.word(0x3004) == 1)
  }
}
