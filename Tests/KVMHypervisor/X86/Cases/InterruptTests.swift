import Hypervisor
import KVMHypervisor
import ProcessSupport
import System
import Testing
import X86Guest

/// GSI, pin and vectors that nothing else uses.
private let (gsi, pin): (UInt32, UInt32) = (40, 11)
private let (vector, otherVector): (UInt8, UInt8) = (0x41, 0x42)
/// Of lower priority than both.
private let lastVector: UInt8 = 0x31
private let message = (address: UInt64(0xfee0_0000), data: UInt32(vector))
/// Where each handler counts.
private let (count, otherCount, lastCount): (UInt32, UInt32, UInt32) = (0x3000, 0x3004, 0x3008)
private let acknowledge: UInt32 = 0xc000_0000

/// How an interrupt gets from its GSI to the vCPU.
enum Route: CaseIterable, CustomTestStringConvertible {
  case pin
  case message

  var testDescription: String { self == .pin ? "a pin of the I/O APIC" : "a message" }
  var entry: KVMRoute {
    switch self {
    // 2: KVM_IRQCHIP_IOAPIC.
    case .pin: .pin(gsi: gsi, irqchip: 2, pin: KVMGenericTests.pin)
    case .message:
      .message(gsi: gsi, address: KVMGenericTests.message.address, data: KVMGenericTests.message.data)
    }
  }
}

/// A guest whose handlers count. It comes out before it lets interrupts in, sleeps until there is one, and comes out again.
private func guest(level: Bool = false, routes: [KVMRoute]? = nil) throws -> X86Machine {
  let guest = try X86Machine()
  for (index, vector) in [vector, otherVector, lastVector].enumerated() {
    var handler = X86Code(at: X86Machine.handlerAddress + 0x100 * UInt32(index))
    handler.increment(count + 4 * UInt32(index))
    if level, vector == KVMGenericTests.vector { handler.store(1, size: 4, to: acknowledge) }
    handler.endInterrupt()
    handler.returnFromInterrupt()
    guest.load(handler, handles: vector)
  }
  var code = X86Code(at: X86Machine.codeAddress)
  code.enableLocalAPIC()
  code.programPin(pin, vector: vector, level: level)
  let again = code.here
  code.store(0, size: 1, to: X86Machine.end)
  code.enableInterrupts()
  code.halt()
  code.disableInterrupts()
  code.jump(to: again)
  try guest.begin(code)
  if let routes { try guest.machine.setRoutes(routes) }
  return guest
}

/// Lets the guest take whatever is pending: one more interrupt is, of the lowest priority, and comes last. It may come out for
/// nothing but `allowed`.
private func takeWhatIsThere(_ guest: X86Machine, besides allowed: [GuestEvent] = []) throws {
  let before = guest.word(lastCount)
  try guest.machine.signal(address: message.address, data: UInt32(lastVector))
  for _ in 0..<10 where guest.word(lastCount) == before {
    let others = try guest.runToEnd().filter { !allowed.contains($0) }
    #expect(others == [])
  }
  #expect(guest.word(lastCount) == before + 1)
}

@Suite(.needsKVM) struct InterruptTests {
  @Test(arguments: Route.allCases)
  func eventfdThatAnotherProcessSignalsWakesTheSleepingGuestAndRunsItsHandler(route: Route) throws {
    let guest = try guest(routes: [route.entry])
    let eventfd = try EventCounter()
    let peer = try Peer()
    try guest.machine.bind(eventfd.descriptor.raw, gsi: gsi)
    #expect(try guest.runToEnd() == [])
    #expect(guest.word(count) == 0)

    for round in 1...3 {
      try peer.signal(eventfd)
      #expect(try guest.runToEnd() == [])
      #expect(guest.word(count) == UInt32(round))
    }
  }

  @Test(arguments: Route.allCases)
  func doorbellAndInterruptGoBetweenGuestAndAnotherProcessWithoutAnExit(route: Route) throws {
    let guest = try X86Machine()
    let bell: UInt32 = 0xc000_1000
    var handler = X86Code(at: X86Machine.handlerAddress)
    handler.increment(count)
    handler.endInterrupt()
    handler.returnFromInterrupt()
    guest.load(handler, handles: vector)
    var code = X86Code(at: X86Machine.codeAddress)
    code.enableLocalAPIC()
    code.programPin(pin, vector: vector)
    for round in 0..<4 {
      code.store(UInt32(round), size: 2, to: bell)
      code.enableInterrupts()
      code.halt()
      code.disableInterrupts()
    }
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)
    try guest.machine.setRoutes([route.entry])
    let rung = try EventCounter()
    let raised = try EventCounter()
    try guest.machine.bindDoorbell(rung.descriptor.raw, address: UInt64(bell), length: 2, match: nil)
    try guest.machine.bind(raised.descriptor.raw, gsi: gsi)
    let peer = try Peer()
    try peer.echo(rung, raised, times: 4)

    let events = try guest.runToEnd()

    #expect(events == [])
    #expect(guest.word(count) == 4)
    #expect(try peer.answer() == 4)
  }

  @Test(arguments: Route.allCases)
  func signalsThatCameBeforeTheBindingRaiseOneInterruptAtOnce(route: Route) throws {
    let guest = try guest(routes: [route.entry])
    let eventfd = try EventCounter()
    let peer = try Peer()
    try peer.signal(eventfd, times: 3)
    #expect(try guest.runToEnd() == [])

    try guest.machine.bind(eventfd.descriptor.raw, gsi: gsi)

    #expect(try guest.runToEnd() == [])
    #expect(guest.word(count) == 1)
    try takeWhatIsThere(guest)
    #expect(guest.word(count) == 1)
  }

  @Test(arguments: Route.allCases)
  func signalsAfterTheBindingEndedRaiseNothingAndStayInTheEventfd(route: Route) throws {
    let guest = try guest(routes: [route.entry])
    let eventfd = try EventCounter()
    let peer = try Peer()
    try guest.machine.bind(eventfd.descriptor.raw, gsi: gsi)
    #expect(try guest.runToEnd() == [])
    guest.machine.unbind(eventfd.descriptor.raw, gsi: gsi)

    try peer.signal(eventfd, times: 2)

    try takeWhatIsThere(guest)
    #expect(guest.word(count) == 0)
    #expect(eventfd.drain() == 2)
    // And it can be bound again.
    try guest.machine.bind(eventfd.descriptor.raw, gsi: gsi)
  }

  @Test func eventfdThatRaisesSomethingAlreadyIsRefusedAndGoesOn() throws {
    let guest = try guest(routes: [Route.message.entry, .message(gsi: 41, address: message.address, data: 0x42)])
    let eventfd = try EventCounter()
    try guest.machine.bind(eventfd.descriptor.raw, gsi: gsi)

    for other in [gsi, 41] {
      #expect(throws: HypervisorError.badBinding(UInt64(other))) {
        try guest.machine.bind(eventfd.descriptor.raw, gsi: other)
      }
    }

    #expect(try guest.runToEnd() == [])
    eventfd.signal()
    #expect(try guest.runToEnd() == [])
    #expect(guest.word(count) == 1 && guest.word(otherCount) == 0)
  }

  @Test func messageThatIsSignalledRunsItsHandler() throws {
    let guest = try guest()
    #expect(try guest.runToEnd() == [])

    try guest.machine.signal(address: message.address, data: UInt32(otherVector))

    #expect(try guest.runToEnd() == [])
    #expect(guest.word(count) == 0 && guest.word(otherCount) == 1)
  }

  @Test func newRoutesTakeThePlaceOfAllOldOnesForWhatIsBoundToo() throws {
    let old = KVMRoute.message(gsi: 41, address: message.address, data: message.data)
    let guest = try guest(routes: [Route.message.entry, old])
    let eventfd = try EventCounter()
    let orphan = try EventCounter()
    try guest.machine.bind(eventfd.descriptor.raw, gsi: gsi)
    try guest.machine.bind(orphan.descriptor.raw, gsi: 41)
    #expect(try guest.runToEnd() == [])

    try guest.machine.setRoutes([.message(gsi: gsi, address: message.address, data: UInt32(otherVector))])
    orphan.signal()
    eventfd.signal()

    #expect(try guest.runToEnd() == [])
    try takeWhatIsThere(guest)
    #expect(guest.word(count) == 0 && guest.word(otherCount) == 1)
  }

  @Test func routesThatTheKernelDoesNotHaveAreRefusedAndTheOldOnesStay() throws {
    let guest = try guest(routes: [Route.message.entry])
    // 9: no such interrupt controller.
    #expect(throws: HypervisorError.self) { try guest.machine.setRoutes([.pin(gsi: gsi, irqchip: 9, pin: 1)]) }
    let eventfd = try EventCounter()
    try guest.machine.bind(eventfd.descriptor.raw, gsi: gsi)
    #expect(try guest.runToEnd() == [])

    eventfd.signal()

    #expect(try guest.runToEnd() == [])
    #expect(guest.word(count) == 1)
  }

  @Test func levelThatStaysUpInterruptsAgainUntilItGoesDown() throws {
    let guest = try guest(level: true, routes: [Route.pin.entry])
    #expect(try guest.runToEnd() == [])
    try guest.machine.setLine(gsi: gsi, level: true)

    var handled = 0
    while handled < 3 {
      let event = GuestEvent(guest.runner.run())
      if event == .write(UInt64(X86Machine.end), size: 1, 0) { continue }
      try #require(event == .write(UInt64(acknowledge), size: 4, 1))
      handled += 1
    }
    try guest.machine.setLine(gsi: gsi, level: false)

    // A kernel that emulates the guest may have the next one under way already.
    try takeWhatIsThere(guest, besides: [.write(UInt64(acknowledge), size: 4, 1)])
    let last = guest.word(count)
    #expect((3...4).contains(last))
    try takeWhatIsThere(guest)
    #expect(guest.word(count) == last)
  }

  @Test func edgeThatStaysUpInterruptsOnce() throws {
    let guest = try guest(routes: [Route.pin.entry])
    #expect(try guest.runToEnd() == [])

    try guest.machine.setLine(gsi: gsi, level: true)

    #expect(try guest.runToEnd() == [])
    try takeWhatIsThere(guest)
    #expect(guest.word(count) == 1)
    try guest.machine.setLine(gsi: gsi, level: false)
    try guest.machine.setLine(gsi: gsi, level: true)
    try takeWhatIsThere(guest)
    #expect(guest.word(count) == 2)
  }
}
