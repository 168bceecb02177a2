import Hypervisor
import KVMHypervisor
import System
import Testing
import X86Guest

private let bell: UInt32 = 0xc000_1000

/// Stores of sizes and values to `bell`, then the end.
private func guest(storing stores: [(size: Int, value: UInt32)]) throws -> X86Machine {
  let guest = try X86Machine()
  var code = X86Code(at: X86Machine.codeAddress)
  code.store(0x0403_0201, size: 4, to: 0x3000)
  code.loadMM0(from: 0x3000)
  for (size, value) in stores {
    if size == 8 { code.storeMM0(to: bell) } else { code.store(value, size: size, to: bell) }
  }
  code.store(0, size: 1, to: X86Machine.end)
  try guest.begin(code)
  return guest
}

private let everySize: [(size: Int, value: UInt32)] = [(1, 1), (2, 1), (4, 1), (8, 0)]

@Suite(.needsKVM) struct DoorbellTests {
  @Test func storeSignalsAnEventfdThatAnotherProcessWaitsForAndDoesNotComeOut() throws {
    let guest = try guest(storing: [(4, 7), (4, 8)])
    let eventfd = try EventCounter()
    let peer = try Peer()
    try peer.wait(eventfd)
    try guest.machine.bindDoorbell(eventfd.descriptor.raw, address: UInt64(bell), length: 4, match: nil)

    let events = try guest.runToEnd()

    #expect(events == [])
    // It may have been woken by the first.
    #expect([1, 2].contains(try peer.answer()))
  }

  @Test(arguments: [1, 2, 4, 8])
  func doorbellOfOneLengthTakesStoresOfThatLengthAlone(length: Int) throws {
    let guest = try guest(storing: everySize)
    let eventfd = try EventCounter()
    try guest.machine.bindDoorbell(eventfd.descriptor.raw, address: UInt64(bell), length: UInt32(length), match: nil)

    let events = try guest.runToEnd()

    let expected = everySize.filter { $0.size != length }.map { size, value in
      GuestEvent.write(UInt64(bell), size: UInt8(size), size == 8 ? 0x0403_0201 : UInt64(value))
    }
    #expect(events == expected)
    #expect(eventfd.drain() == 1)
  }

  @Test func doorbellOfAnyLengthTakesStoresOfEveryLengthAtItsAddressAlone() throws {
    let guest = try X86Machine()
    var code = X86Code(at: X86Machine.codeAddress)
    for size in [1, 2, 4] { code.store(1, size: size, to: bell) }
    code.storeMM0(to: bell)
    code.store(9, size: 1, to: bell + 1)
    code.store(9, size: 4, to: bell - 4)
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)
    let eventfd = try EventCounter()
    try guest.machine.bindDoorbell(eventfd.descriptor.raw, address: UInt64(bell), length: 0, match: nil)

    let events = try guest.runToEnd()

    #expect(events == [.write(UInt64(bell) + 1, size: 1, 9), .write(UInt64(bell) - 4, size: 4, 9)])
    #expect(eventfd.drain() == 4)
  }

  @Test func doorbellsThatMatchValuesTakeTheStoresOfTheirOwn() throws {
    let guest = try guest(storing: [(2, 1), (2, 2), (2, 3), (2, 2), (4, 1)])
    let one = try EventCounter()
    let two = try EventCounter()
    try guest.machine.bindDoorbell(one.descriptor.raw, address: UInt64(bell), length: 2, match: 1)
    try guest.machine.bindDoorbell(two.descriptor.raw, address: UInt64(bell), length: 2, match: 2)

    let events = try guest.runToEnd()

    #expect(events == [.write(UInt64(bell), size: 2, 3), .write(UInt64(bell), size: 4, 1)])
    #expect(one.drain() == 1)
    #expect(two.drain() == 2)
  }

  @Test func loadFromADoorbellComesOut() throws {
    let guest = try X86Machine()
    var code = X86Code(at: X86Machine.codeAddress)
    code.load(size: 4, from: bell)
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)
    let eventfd = try EventCounter()
    try guest.machine.bindDoorbell(eventfd.descriptor.raw, address: UInt64(bell), length: 4, match: nil)

    #expect(try guest.runToEnd() == [.read(UInt64(bell), size: 4)])
    #expect(eventfd.drain() == 0)
  }

  @Test func unboundDoorbellComesOutAgainAndCanBeBoundAgain() throws {
    let guest = try X86Machine()
    var code = X86Code(at: X86Machine.codeAddress)
    for value in 1...3 {
      code.store(UInt32(value), size: 4, to: bell)
      code.store(0, size: 1, to: X86Machine.end)
    }
    try guest.begin(code)
    let eventfd = try EventCounter()
    let (raw, address) = (eventfd.descriptor.raw, UInt64(bell))

    try guest.machine.bindDoorbell(raw, address: address, length: 4, match: nil)
    #expect(try guest.runToEnd() == [])
    guest.machine.unbindDoorbell(raw, address: address)
    #expect(try guest.runToEnd() == [.write(address, size: 4, 2)])
    try guest.machine.bindDoorbell(raw, address: address, length: 4, match: nil)
    #expect(try guest.runToEnd() == [])

    #expect(eventfd.drain() == 2)
  }

  @Test func unbindingEndsEveryDoorbellThatAnEventfdHasAtAnAddress() throws {
    let guest = try guest(storing: [(4, 1), (4, 2), (2, 1)])
    let eventfd = try EventCounter()
    for value in [UInt64(1), 2] {
      try guest.machine.bindDoorbell(eventfd.descriptor.raw, address: UInt64(bell), length: 4, match: value)
    }
    try guest.machine.bindDoorbell(eventfd.descriptor.raw, address: UInt64(bell), length: 2, match: nil)

    guest.machine.unbindDoorbell(eventfd.descriptor.raw, address: UInt64(bell))

    let address = UInt64(bell)
    #expect(
      try guest.runToEnd() == [
        .write(address, size: 4, 1), .write(address, size: 4, 2), .write(address, size: 2, 1),
      ])
    #expect(eventfd.drain() == 0)
  }

  /// Length and value of the first, then of one that meets it.
  @Test(
    arguments: [
      ((4, nil), (4, nil)), ((4, nil), (4, 1)), ((4, 1), (4, 1)), ((4, 1), (4, nil)), ((0, nil), (2, nil)),
      ((2, 5), (0, nil)),
    ] as [((UInt32, UInt64?), (UInt32, UInt64?))])
  func doorbellForAStoreThatHasOneIsRefusedAndTheFirstGoesOn(
    first: (length: UInt32, match: UInt64?), other: (length: UInt32, match: UInt64?)
  ) throws {
    let guest = try guest(storing: [(4, 1), (2, 5)])
    let eventfd = try EventCounter()
    let late = try EventCounter()
    try guest.machine.bindDoorbell(
      eventfd.descriptor.raw, address: UInt64(bell), length: first.length, match: first.match)

    #expect(throws: HypervisorError.badBinding(UInt64(bell))) {
      try guest.machine.bindDoorbell(
        late.descriptor.raw, address: UInt64(bell), length: other.length, match: other.match)
    }

    _ = try guest.runToEnd()
    #expect(eventfd.drain() > 0)
    #expect(late.drain() == 0)
  }

  /// Address and length of the first and of one that begins inside it or, with any length, right behind it, in both orders.
  @Test(
    arguments: [
      ((bell, 8), (bell + 4, 4)), ((bell + 4, 4), (bell, 8)), ((bell, 2), (bell + 1, 0)), ((bell + 2, 0), (bell, 2)),
    ] as [((UInt32, UInt32), (UInt32, UInt32))])
  func doorbellThatTheKernelWouldMixUpWithAnotherIsRefused(
    first: (address: UInt32, length: UInt32), other: (address: UInt32, length: UInt32)
  ) throws {
    let guest = try X86Machine(addsMemory: false)
    let eventfd = try EventCounter()
    func bind(_ doorbell: (address: UInt32, length: UInt32)) throws {
      try guest.machine.bindDoorbell(
        eventfd.descriptor.raw, address: UInt64(doorbell.address), length: doorbell.length, match: nil)
    }
    try bind(first)

    #expect(throws: HypervisorError.badBinding(UInt64(other.address))) { try bind(other) }

    guest.machine.unbindDoorbell(eventfd.descriptor.raw, address: UInt64(first.address))
    try bind(other)
  }

  @Test func doorbellsSideBySideRingEachForItself() throws {
    let guest = try X86Machine()
    var code = X86Code(at: X86Machine.codeAddress)
    for offset in [UInt32(0), 2, 4, 5] { code.store(1, size: 2, to: bell + offset) }
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)
    let eventfd = try EventCounter()
    for (offset, length) in [(UInt64(2), UInt32(2)), (0, 2), (5, 0), (6, 0)] {
      try guest.machine.bindDoorbell(eventfd.descriptor.raw, address: UInt64(bell) + offset, length: length, match: nil)
    }

    #expect(try guest.runToEnd() == [.write(UInt64(bell) + 4, size: 2, 1)])
    #expect(eventfd.drain() == 3)
  }

  @Test(
    arguments: [
      (UInt64(bell), 3, nil), (UInt64(bell), 16, nil), (UInt64(bell), 0, 1), (UInt64.max - 1, 4, nil),
    ] as [(UInt64, UInt32, UInt64?)])
  func doorbellThatNoStoreCanRingIsRefused(address: UInt64, length: UInt32, match: UInt64?) throws {
    let guest = try X86Machine(addsMemory: false)
    let eventfd = try EventCounter()

    #expect(throws: HypervisorError.badBinding(address)) {
      try guest.machine.bindDoorbell(eventfd.descriptor.raw, address: address, length: length, match: match)
    }
  }

  @Test func doorbellAfterTheThousandthIsRefusedUntilOneIsUnbound() throws {
    let guest = try X86Machine(addsMemory: false)
    let eventfd = try EventCounter()
    func bind(_ number: Int) throws {
      try guest.machine.bindDoorbell(eventfd.descriptor.raw, address: UInt64(number) * 8, length: 4, match: nil)
    }
    for number in 0..<1000 { try bind(number) }

    #expect(throws: HypervisorError.noRoom) { try bind(1000) }
    guest.machine.unbindDoorbell(eventfd.descriptor.raw, address: 8)
    try bind(5000)
    #expect(throws: HypervisorError.noRoom) { try bind(5001) }
  }
}
