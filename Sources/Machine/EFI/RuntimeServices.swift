// UEFI 2.10, 8: the runtime services of this machine, as LoongArch code. GetTime and SetTime use the LS7A RTC,
// ResetSystem the ACPI event device; everything else returns EFI_UNSUPPORTED.
//
// No boot loader runs between us and the kernel, so nobody calls SetVirtualAddressMap: every pointer in the table is
// virtual already, in the windows that the kernel's entry code sets up for privilege level 0 (cached at 0x9000…,
// uncached at 0x8000…). The code itself is position independent and uses no stack.

/// Virtual address windows of a LoongArch64 kernel (direct mapping windows 0 and 1 of Linux).
public enum AddressWindow {
  /// Strongly ordered uncached: device registers.
  public static let uncached: UInt64 = 0x8000_0000_0000_0000
  /// Coherent cached: RAM.
  public static let cached: UInt64 = 0x9000_0000_0000_0000
}

/// The code of the runtime services and where each one starts.
public struct RuntimeServices: Sendable {
  /// Instructions.
  public let code: [UInt8]
  /// Offset of GetTime.
  public let getTime: Int
  /// Offset of SetTime.
  public let setTime: Int
  /// Offset of ResetSystem.
  public let resetSystem: Int
  /// Offset of the service that returns EFI_UNSUPPORTED.
  public let unsupported: Int

  /// What EFI_RT_PROPERTIES_TABLE says: GetTime, SetTime, ResetSystem, and the wakeup services, because Linux up to
  /// 6.12 makes the clock device only if all four time services are promised. Those two still return EFI_UNSUPPORTED.
  public static let supportedMask: UInt32 = 0x040f

  /// Assembles the services.
  public init() {
    var asm = Assembler()
    let invalid = asm.label()
    getTime = asm.offset
    RuntimeServices.emitGetTime(&asm, invalid: invalid)
    setTime = asm.offset
    RuntimeServices.emitSetTime(&asm, invalid: invalid)
    resetSystem = asm.offset
    RuntimeServices.emitResetSystem(&asm)
    unsupported = asm.offset
    RuntimeServices.emitReturn(&asm, error: 3)
    asm.place(invalid)
    RuntimeServices.emitReturn(&asm, error: 2)
    code = asm.assembled()
  }
}

/// A field of EFI_TIME and of the TOY register (LS7A1000 manual 13.2.2).
private struct ClockField {
  let offset: UInt32
  let high: UInt32
  let low: UInt32
  let first: Int32
  let count: UInt32
}

extension RuntimeServices {
  private static let fields = [
    ClockField(offset: 2, high: 31, low: 26, first: 1, count: 12),  // month
    ClockField(offset: 3, high: 25, low: 21, first: 1, count: 31),  // day
    ClockField(offset: 4, high: 20, low: 16, first: 0, count: 24),  // hour
    ClockField(offset: 5, high: 15, low: 10, first: 0, count: 60),  // minute
    ClockField(offset: 6, high: 9, low: 4, first: 0, count: 60),  // second
  ]
  private static let yearBase: Int32 = 1900
  private static let nanosecondsPerTenth: UInt64 = 100_000_000
  private static let unspecifiedZone: UInt32 = 0x7ff
  private enum TimeOffset {
    static let year: UInt32 = 0
    static let pad: UInt32 = 7
    static let nanosecond: UInt32 = 8
    static let zone: UInt32 = 12
    static let daylight: UInt32 = 14
  }
  private enum ClockRegister {
    static let write0: UInt32 = 0x24
    static let write1: UInt32 = 0x28
    static let read0: UInt32 = 0x2c
    static let read1: UInt32 = 0x30
    static let control: UInt32 = 0x40
    /// TOY counter and oscillator on.
    static let running: UInt32 = 0x900
  }

  private static func emitReturn(_ asm: inout Assembler, error: UInt32) {
    asm.ori(.a0, .zero, error)
    if error != 0 { asm.lu52i(.a0, .a0, 0x800) }
    asm.jump(register: .ra)
  }

  /// EFI_STATUS GetTime(EFI_TIME *time, EFI_TIME_CAPABILITIES *capabilities). Reads the year again until it stands
  /// still, because year and the rest are two registers.
  private static func emitGetTime(_ asm: inout Assembler, invalid: Label) {
    asm.branchIfZero(.a0, to: invalid)
    asm.load(.t0, AddressWindow.uncached | MemoryMap.realTimeClock.start)
    emitClockOn(&asm)
    let again = asm.here()
    asm.loadWord(.t1, .t0, ClockRegister.read1)
    asm.loadWordUnsigned(.t2, .t0, ClockRegister.read0)
    asm.loadWord(.t3, .t0, ClockRegister.read1)
    asm.branchIfDifferent(.t1, .t3, to: again)
    asm.addi(.t1, .t1, yearBase)
    asm.storeHalf(.t1, .a0, TimeOffset.year)
    for field in fields {
      asm.extract(.t1, .t2, high: field.high, low: field.low)
      asm.storeByte(.t1, .a0, field.offset)
    }
    asm.extract(.t1, .t2, high: 3, low: 0)
    asm.load(.t3, nanosecondsPerTenth)
    asm.mul(.t1, .t1, .t3)
    asm.storeWord(.t1, .a0, TimeOffset.nanosecond)
    asm.storeByte(.zero, .a0, TimeOffset.pad)
    asm.storeWord(.zero, .a0, TimeOffset.zone)  // UTC, no daylight saving
    emitCapabilities(&asm)
    emitReturn(&asm, error: 0)
  }

  /// Switches the clock on if it is off, as firmware must: a stopped clock reads 0. Uses t1 and t3.
  private static func emitClockOn(_ asm: inout Assembler) {
    let on = asm.label()
    asm.loadWordUnsigned(.t1, .t0, ClockRegister.control)
    asm.ori(.t3, .t1, ClockRegister.running)
    asm.branchIfEqual(.t1, .t3, to: on)
    asm.storeWord(.t3, .t0, ClockRegister.control)
    asm.place(on)
  }

  /// Ten counts a second, 50 parts per million, setting does not clear the rest.
  private static func emitCapabilities(_ asm: inout Assembler) {
    let done = asm.label()
    asm.branchIfZero(.a1, to: done)
    asm.ori(.t1, .zero, 10)
    asm.storeWord(.t1, .a1, 0)
    asm.load(.t1, 50_000_000)
    asm.storeWord(.t1, .a1, 4)
    asm.storeByte(.zero, .a1, 8)
    asm.place(done)
  }

  /// EFI_STATUS SetTime(EFI_TIME *time): EFI_INVALID_PARAMETER for a field out of range or a zone other than UTC and
  /// "unspecified", since the clock keeps UTC and knows no zones.
  private static func emitSetTime(_ asm: inout Assembler, invalid: Label) {
    asm.branchIfZero(.a0, to: invalid)
    emitZoneCheck(&asm, invalid: invalid)
    for field in fields {
      asm.loadByte(.t1, .a0, field.offset)
      asm.addi(.t3, .t1, -field.first)
      asm.sltui(.t3, .t3, field.count)
      asm.branchIfZero(.t3, to: invalid)
      asm.insert(.t2, .t1, high: field.high, low: field.low)
    }
    asm.loadWordUnsigned(.t1, .a0, TimeOffset.nanosecond)
    asm.load(.t3, nanosecondsPerTenth)
    asm.divu(.t1, .t1, .t3)
    asm.sltui(.t3, .t1, 10)
    asm.branchIfZero(.t3, to: invalid)
    asm.insert(.t2, .t1, high: 3, low: 0)
    asm.loadHalf(.t1, .a0, TimeOffset.year)
    asm.addi(.t1, .t1, -yearBase)
    // EFI_TIME allows 1900 to 9999; anything less than 8192 years from the base is a year that the clock can hold.
    asm.extract(.t3, .t1, high: 63, low: 13)
    asm.branchIfNotZero(.t3, to: invalid)
    asm.load(.t0, AddressWindow.uncached | MemoryMap.realTimeClock.start)
    asm.storeWord(.t2, .t0, ClockRegister.write0)
    asm.storeWord(.t1, .t0, ClockRegister.write1)
    emitClockOn(&asm)
    emitReturn(&asm, error: 0)
  }

  private static func emitZoneCheck(_ asm: inout Assembler, invalid: Label) {
    let known = asm.label()
    asm.loadHalf(.t1, .a0, TimeOffset.zone)
    asm.branchIfZero(.t1, to: known)
    asm.ori(.t3, .zero, unspecifiedZone)
    asm.branchIfDifferent(.t1, .t3, to: invalid)
    asm.place(known)
  }

  /// void ResetSystem(type, status, size, data): type 2 is shutdown, all others reset. Never returns.
  private static func emitResetSystem(_ asm: inout Assembler) {
    let (reset, done) = (asm.label(), asm.label())
    asm.load(.t0, AddressWindow.uncached | PowerRegister.sleepControl)
    asm.addi(.t1, .a0, -2)
    asm.branchIfNotZero(.t1, to: reset)
    asm.ori(.t1, .zero, UInt32(PowerRegister.powerOffValue))
    asm.storeByte(.t1, .t0, 0)
    asm.jump(to: done)
    asm.place(reset)
    asm.ori(.t1, .zero, UInt32(PowerRegister.resetValue))
    asm.storeByte(.t1, .t0, UInt32(PowerRegister.reset - PowerRegister.sleepControl))
    asm.place(done)
    let forever = asm.here()
    asm.idle()
    asm.jump(to: forever)
  }
}
