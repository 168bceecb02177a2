import Testing

@testable import Machine

@Suite struct RuntimeServicesTests {
  private let services = RuntimeServices()
  private static let clock: UInt64 = 0x8000_0000_100d_0100
  private static let time: UInt64 = 0x9000_0000_0100_0000
  private static let capabilities: UInt64 = 0x9000_0000_0100_1000
  private static let invalidParameter: UInt64 = 0x8000_0000_0000_0002
  private static let unsupported: UInt64 = 0x8000_0000_0000_0003

  /// 2026-11-23 17:05:59.7 in the clock's registers.
  private static let packed: UInt64 = 11 << 26 | 23 << 21 | 17 << 16 | 5 << 10 | 59 << 4 | 7

  private func machine() -> MiniMachine {
    var machine = MiniMachine(code: services.code)
    machine.store(Self.clock + 0x2c, 4, Self.packed)
    machine.store(Self.clock + 0x30, 4, 126)
    machine.store(Self.clock + 0x40, 4, 0x900)
    return machine
  }

  private func write(_ machine: inout MiniMachine, year: UInt64 = 2026, _ fields: [UInt64] = [11, 23, 17, 5, 59]) {
    machine.store(Self.time, 2, year)
    for (index, field) in fields.enumerated() { machine.store(Self.time + 2 + UInt64(index), 1, field) }
    machine.store(Self.time + 8, 4, 700_000_000)
    machine.store(Self.time + 12, 2, 0x7ff)
  }

  @Test func getTimeUnpacksTheClock() {
    var machine = machine()
    machine.call(services.getTime, Self.time, Self.capabilities)
    #expect(machine.registers[4] == 0)
    #expect(machine.load(Self.time, 2) == 2026)
    #expect((2..<8).map { machine.load(Self.time + $0, 1) } == [11, 23, 17, 5, 59, 0])
    #expect(machine.load(Self.time + 8, 4) == 700_000_000)
    #expect(machine.load(Self.time + 12, 4) == 0)
    #expect(machine.load(Self.capabilities, 4) == 10)
  }

  @Test func getTimeWithoutCapabilitiesIsFine() {
    var machine = machine()
    machine.call(services.getTime, Self.time, 0)
    #expect(machine.registers[4] == 0)
  }

  @Test func getTimeSwitchesAStoppedClockOn() {
    var machine = machine()
    machine.store(Self.clock + 0x40, 4, 0x2000)
    machine.call(services.getTime, Self.time, 0)
    #expect(machine.load(Self.clock + 0x40, 4) == 0x2900)
  }

  @Test func getTimeAndSetTimeRefuseANullPointer() {
    for service in [services.getTime, services.setTime] {
      var machine = machine()
      machine.call(service)
      #expect(machine.registers[4] == Self.invalidParameter)
    }
  }

  @Test func setTimePacksTheClock() {
    var machine = machine()
    write(&machine)
    machine.call(services.setTime, Self.time)
    #expect(machine.registers[4] == 0)
    #expect(machine.load(Self.clock + 0x24, 4) == Self.packed)
    #expect(machine.load(Self.clock + 0x28, 4) == 126)
  }

  @Test(
    arguments: [
      [0, 23, 17, 5, 59], [13, 23, 17, 5, 59], [11, 0, 17, 5, 59], [11, 32, 17, 5, 59], [11, 23, 24, 5, 59],
      [11, 23, 17, 60, 59], [11, 23, 17, 5, 60], [255, 255, 255, 255, 255],
    ] as [[UInt64]])
  func setTimeRefusesAFieldOutOfRange(fields: [UInt64]) {
    var machine = machine()
    write(&machine, fields)
    machine.call(services.setTime, Self.time)
    #expect(machine.registers[4] == Self.invalidParameter)
    #expect(machine.load(Self.clock + 0x24, 4) == 0)
  }

  @Test(arguments: [(1899, false), (1900, true), (9999, true), (65535, false)] as [(UInt64, Bool)])
  func setTimeChecksTheYear(year: UInt64, fine: Bool) {
    var machine = machine()
    write(&machine, year: year)
    machine.call(services.setTime, Self.time)
    #expect(machine.registers[4] == (fine ? 0 : Self.invalidParameter))
  }

  @Test(arguments: [(0, true), (0x7ff, true), (60, false), (0xffc4, false)] as [(UInt64, Bool)])
  func setTimeKnowsNoTimeZones(zone: UInt64, fine: Bool) {
    var machine = machine()
    write(&machine)
    machine.store(Self.time + 12, 2, zone)
    machine.call(services.setTime, Self.time)
    #expect(machine.registers[4] == (fine ? 0 : Self.invalidParameter))
  }

  @Test(
    arguments: [(0, 0x100e_001e, 0x42), (1, 0x100e_001e, 0x42), (2, 0x100e_001c, 0x34), (3, 0x100e_001e, 0x42)]
      as [(UInt64, UInt64, UInt64)])
  func resetSystemWritesOneByteAndNeverReturns(type: UInt64, register: UInt64, value: UInt64) {
    var machine = MiniMachine(code: services.code)
    machine.call(services.resetSystem, type)
    #expect(machine.idled)
    #expect(machine.stores.count == 1)
    #expect(machine.stores.first?.address == 0x8000_0000_0000_0000 | register)
    #expect(machine.stores.first?.size == 1)
    #expect(machine.stores.first?.value == value)
  }

  @Test func theRestIsUnsupported() {
    var machine = MiniMachine(code: services.code)
    machine.call(services.unsupported)
    #expect(machine.registers[4] == Self.unsupported)
  }
}
