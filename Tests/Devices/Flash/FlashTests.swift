import DeviceModel
import FuzzSupport
import Testing

@testable import FlashModel

private let now = Instant(monotonic: 0, realtime: 0)

/// Content in an array, and a medium that can be made to fail.
final class ArrayStore: FlashStore {
  var bytes: [UInt8]
  var fails = false
  init(_ size: Int) { bytes = [UInt8](repeating: 0xff, count: size) }
  var size: UInt32 { UInt32(bytes.count) }
  func load(_ offset: UInt32, count: UInt8) -> UInt64 {
    (0..<Int(count)).reduce(0) { $0 | UInt64(bytes[Int(offset) + $1]) << UInt64(8 * $1) }
  }
  func program(_ offset: UInt32, _ data: borrowing FlashBuffer, count: Int) -> Bool {
    guard !fails else { return false }
    for i in 0..<count { bytes[Int(offset) + i] &= data[i] }
    return true
  }
  func erase(_ offset: UInt32, count: UInt32) -> Bool {
    guard !fails else { return false }
    for i in 0..<Int(count) { bytes[Int(offset) + i] = 0xff }
    return true
  }
}

/// A flash and its driver, as EDK2's VirtNorFlashDxe goes about it: 32-bit accesses, each command in both halves.
private struct Bench {
  let store: ArrayStore
  var flash: FlashDevice<ArrayStore>

  init(size: Int = 3 << 18) {
    store = ArrayStore(size)
    flash = FlashDevice(at: now)
    flash.store = store
  }
  mutating func write(_ value: UInt64, at offset: UInt32, size: UInt8 = 4) {
    var effects = Effects()
    flash.write(Access(region: 0, offset: offset, size: size), value: value, at: now, &effects)
    let silent = effects.isEmpty
    #expect(silent)
  }
  mutating func command(_ command: UInt64, at offset: UInt32 = 0) { write(command << 16 | command, at: offset) }
  mutating func read(_ offset: UInt32, size: UInt8 = 4) -> UInt64 {
    var effects = Effects()
    return flash.read(Access(region: 0, offset: offset, size: size), at: now, &effects)
  }
  mutating func status() -> UInt64 {
    command(0x70)
    return read(0)
  }
  mutating func program(_ words: [UInt32], at offset: UInt32) {
    command(0xe8, at: offset)
    #expect(read(offset) & 0x80_0080 == 0x80_0080)
    command(UInt64(words.count - 1), at: offset)
    for (index, word) in words.enumerated() { write(UInt64(word), at: offset + UInt32(index) * 4) }
    command(0xd0)
  }
}

@Suite struct FlashTests {
  @Test func blankFlash_readsItsContentInEverySize() {
    var bench = Bench()
    for i in 0..<16 { bench.store.bytes[i] = UInt8(i) }
    #expect(bench.read(0, size: 8) == 0x0706_0504_0302_0100)
    #expect(bench.read(3, size: 4) == 0x0605_0403)
    #expect(bench.read(9, size: 1) == 9)
    #expect(bench.read(100) == 0xffff_ffff)
  }

  @Test func beyondTheContentAndWithoutOne_everythingIsErased() {
    var bench = Bench(size: 1 << 18)
    bench.store.bytes[(1 << 18) - 2] = 0
    #expect(bench.read((1 << 18) - 2, size: 4) == 0xffff_ffff)
    #expect(bench.read(0xff_fff8, size: 8) == .max)
    bench.flash.store = nil
    #expect(bench.read(0, size: 2) == 0xffff)
  }

  @Test func wordProgram_clearsBitsAndNeverSetsThem() {
    var bench = Bench()
    bench.command(0x40, at: 8)
    bench.write(0x1234_5678, at: 8)
    #expect(bench.status() == 0x80_0080)
    bench.command(0x10, at: 8)
    bench.write(0xffff_0f0f, at: 8)
    bench.command(0xff)
    #expect(bench.read(8) == 0x1234_0608)
  }

  @Test func bufferedProgram_writesAllItsWords() {
    var bench = Bench()
    let words = (0..<32).map { UInt32($0) &* 0x0101_0101 }
    bench.program(words, at: 0x4_0080)
    #expect(bench.status() == 0x80_0080)
    bench.command(0xff)
    for (index, word) in words.enumerated() { #expect(bench.read(0x4_0080 + UInt32(index) * 4) == UInt64(word)) }
    #expect(bench.read(0x4_0100) == 0xffff_ffff)
  }

  @Test func bufferedProgramWithoutConfirmation_isASequenceErrorAndWritesNothing() {
    var bench = Bench()
    bench.command(0xe8)
    bench.command(0)
    bench.write(0, at: 0)
    bench.command(0xff)
    #expect(bench.status() == 0xb0_00b0)
    bench.command(0x50)
    #expect(bench.status() == 0x80_0080)
    bench.command(0xff)
    #expect(bench.read(0) == 0xffff_ffff)
  }

  @Test(arguments: [UInt64(32), 255]) func bufferOfTooManyWords_isASequenceError(lessOne: UInt64) {
    var bench = Bench()
    bench.command(0xe8)
    bench.command(lessOne)
    #expect(bench.status() == 0xb0_00b0)
  }

  @Test(arguments: [UInt32(0), 0x7c, 0x84, 0x100]) func bufferDataOutsideItsRange_isASequenceError(offset: UInt32) {
    var bench = Bench()
    bench.command(0xe8, at: 0x80)
    bench.command(0, at: 0x80)
    bench.write(0, at: offset)
    #expect(bench.status() == 0xb0_00b0)
    bench.command(0xff)
    #expect(bench.read(0x80) == 0xffff_ffff)
  }

  @Test func erase_setsTheWholeBlockAndNoOther() {
    var bench = Bench()
    for i in [0x3_ffff, 0x4_0000, 0x7_ffff, 0x8_0000] { bench.store.bytes[i] = 0 }
    bench.command(0x20, at: 0x4_1000)
    bench.command(0xd0, at: 0x4_1000)
    #expect(bench.status() == 0x80_0080)
    #expect([0x3_ffff, 0x4_0000, 0x7_ffff, 0x8_0000].map { bench.store.bytes[$0] } == [0, 0xff, 0xff, 0])
  }

  @Test func eraseWithoutConfirmation_isASequenceError() {
    var bench = Bench()
    bench.store.bytes[0] = 0
    bench.command(0x20)
    bench.command(0xff)
    #expect(bench.status() == 0xb0_00b0)
    #expect(bench.store.bytes[0] == 0)
  }

  @Test func failingMedium_isAnErrorOfTheOperation_untilItIsCleared() {
    var bench = Bench()
    bench.store.fails = true
    bench.command(0x40)
    bench.write(0, at: 0)
    #expect(bench.status() == 0x90_0090)
    bench.command(0x20)
    bench.command(0xd0)
    #expect(bench.status() == 0xb0_00b0)
    bench.store.fails = false
    bench.command(0x50)
    #expect(bench.status() == 0x80_0080)
  }

  @Test(arguments: [UInt32(0xc_0000), 0xff_fffc]) func programBeyondTheContent_isAnError(offset: UInt32) {
    var bench = Bench()
    bench.command(0x40, at: offset)
    bench.write(0, at: offset)
    #expect(bench.status() & 0x10_0010 == 0x10_0010)
    bench.command(0x20, at: offset)
    bench.command(0xd0, at: offset)
    #expect(bench.status() & 0x20_0020 == 0x20_0020)
  }

  @Test func identifier_namesMakerDeviceAndOpenLocks() {
    var bench = Bench()
    bench.command(0x90)
    #expect(bench.read(0) == 0x89_0089)
    #expect(bench.read(4) == 0x18_0018)
    #expect(bench.read(0x4_0008) == 0)
    #expect(bench.read(0, size: 2) == 0x89)
    #expect(bench.read(2, size: 2) == 0x89)
    #expect(bench.read(1, size: 1) == 0)
  }

  @Test func query_describesTwoChipsWithBlocksOf128KiBEach() {
    var bench = Bench(size: 16 << 20)
    bench.command(0x98, at: 0x55 * 4)
    func byte(_ word: UInt32) -> UInt64 { bench.read(word * 4) & 0xff }
    #expect([0x10, 0x11, 0x12].map(byte) == [0x51, 0x52, 0x59])
    #expect(byte(0x13) == 1)
    #expect(byte(0x27) == 23)
    #expect(1 << byte(0x2a) == 64)
    #expect(byte(0x2d) | byte(0x2e) << 8 == 63)
    #expect((byte(0x2f) | byte(0x30) << 8) << 8 == 128 << 10)
    #expect([0x31, 0x32, 0x33].map(byte) == [0x50, 0x52, 0x49])
    #expect(byte(0x0f) == 0)
    #expect(bench.read(0x10 * 4) == 0x51_0051)
  }

  @Test func lockCommands_takeTheirSecondCycleAndChangeNothing() {
    var bench = Bench()
    bench.command(0x60)
    bench.command(0x01)
    bench.command(0x90)
    #expect(bench.read(8) == 0)
  }

  @Test func everySavedState_goesOnAsIfNothingHadBeen() throws {
    // The whole of a buffered program, saved and restored before each access.
    var bench = Bench()
    func restart(_ bench: inout Bench) throws {
      var bytes = [UInt8](repeating: 0, count: FlashDevice<ArrayStore>.stateSize)
      var slots = bytes.mutableSpan
      var span = slots.mutableBytes
      bench.flash.save(into: &span)
      bench.flash = try FlashDevice(restoring: bytes.span.bytes, at: now)
      bench.flash.store = bench.store
    }
    let steps: [(UInt64, UInt32)] =
      [(0xe8_00e8, 0x80), (3 << 16 | 3, 0x80)] + (0..<4).map { (0x1111_1111 * UInt64($0), 0x80 + UInt32($0) * 4) }
      + [(0xd0_00d0, 0), (0xff_00ff, 0)]
    for step in steps {
      try restart(&bench)
      bench.write(step.0, at: step.1)
    }
    #expect((0..<4).map { bench.read(0x80 + UInt32($0) * 4) } == [0, 0x1111_1111, 0x2222_2222, 0x3333_3333])
  }

  @Test func accessThatIsCarriedOutAgain_leavesTheSameBytes() throws {
    var bench = Bench()
    bench.command(0x40, at: 4)
    let before = bench.flash
    bench.write(0x0f0f_0f0f, at: 4)
    let content = bench.store.bytes
    bench.flash = before
    bench.write(0x0f0f_0f0f, at: 4)
    #expect(bench.store.bytes == content)
  }

  @Test(
    arguments: [
      (0, 2), (1, 4), (2, 7), (3, 0), (3, 0x81), (4, 1), (7, 1), (8, 2), (8, 132), (12, 200), (15, 1),
    ] as [(Int, UInt8)])
  func impossibleStates_areRefused(offset: Int, value: UInt8) throws {
    let bench = Bench()
    var bytes = [UInt8](repeating: 0, count: FlashDevice<ArrayStore>.stateSize)
    var slots = bytes.mutableSpan
    var span = slots.mutableBytes
    bench.flash.save(into: &span)
    _ = try FlashDevice<ArrayStore>(restoring: bytes.span.bytes, at: now)
    bytes[offset] = value
    #expect(throws: StateError.self) { try FlashDevice<ArrayStore>(restoring: bytes.span.bytes, at: now) }
    #expect(throws: StateError.truncated) {
      try FlashDevice<ArrayStore>(restoring: bytes.span.bytes.extracting(first: 143), at: now)
    }
  }

  @Test(arguments: 0..<20) func anyScript_keepsTheDevicesPromises(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    #expect(DeviceScript<FlashDevice<ArrayStore>>.run(random.bytes(1500)) == nil)
  }
}
