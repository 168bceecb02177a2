import CSystem
import DeviceBus
import Glibc
import Machine
import ProcessSupport
import System
import Testing

/// A file of `size` bytes that can become shorter.
private func file(size: Int) throws -> FileDescriptor {
  FileDescriptor(owning: try SystemError.check("memfd_create", "flash".withUTF8Z { atoll_memfd($0, UInt(size), 0) }))
}

private func bytes(_ descriptor: borrowing FileDescriptor, at offset: Int, count: Int) -> [UInt8] {
  var buffer = [UInt8](repeating: 0, count: count)
  let got = buffer.withUnsafeMutableBytes { atoll_pread(descriptor.raw, $0.baseAddress, UInt(count), offset) }
  return Array(buffer.prefix(max(0, got)))
}

/// EDK2's way with a flash, through the ring.
private final class FlashDriver {
  private var ring: RingFrontEnd
  init(_ link: DeviceLink) { ring = RingFrontEnd(link, vcpu: 0) }

  func write(_ value: UInt64, at offset: UInt32) {
    _ = ring.write(region: 0, offset: offset, size: 4, value: value, posted: false)
  }
  func command(_ command: UInt64, at offset: UInt32 = 0) { write(command << 16 | command, at: offset) }
  func read(_ offset: UInt32) -> UInt64 { ring.read(region: 0, offset: offset, size: 4) ?? 0 }
  /// True if the flash says that all is well.
  func isWell() -> Bool {
    command(0x70)
    return read(0) == 0x80_0080
  }
  func program(_ words: [UInt32], at offset: UInt32) -> Bool {
    command(0xe8, at: offset)
    command(UInt64(words.count - 1), at: offset)
    for (index, word) in words.enumerated() { write(UInt64(word), at: offset + UInt32(index) * 4) }
    command(0xd0)
    return isWell()
  }
  func erase(_ offset: UInt32) -> Bool {
    command(0x20, at: offset)
    command(0xd0, at: offset)
    return isWell()
  }
}

@Suite struct ContentTests {
  @Test func programmedBytesAreInTheFileWhenTheGuestSeesThemDone() throws {
    let content = try file(size: 512 << 10)
    let keeper = try ContentKeeper("atoll-flash", content: try content.duplicate())
    let driver = FlashDriver(keeper.frontEnd())
    #expect(driver.erase(0x4_0000))
    #expect(bytes(content, at: 0x4_0000, count: 4) == [0xff, 0xff, 0xff, 0xff])
    #expect(bytes(content, at: 0, count: 1) == [0])
    #expect(driver.program([0x0403_0201], at: 0x4_0080))
    #expect(bytes(content, at: 0x4_0080, count: 4) == [1, 2, 3, 4])
    driver.command(0xff)
    #expect(driver.read(0x4_0080) == 0x0403_0201)
  }

  @Test func flashKilledAgainAndAgain_holdsWhatWasProgrammedAndNothingElse() throws {
    let content = try file(size: 512 << 10)
    let keeper = try ContentKeeper("atoll-flash", content: try content.duplicate())
    let link = keeper.frontEnd()
    let failures = Box(0)
    let worker = try Worker {
      let driver = FlashDriver(link)
      for round in 0..<40 as Range<UInt32> {
        if round % 10 == 0, !driver.erase(0) { failures.value += 1 }
        let base = (round % 10) * 128
        if !driver.program((0..<32).map { round &* 0x0101_0101 &+ $0 }, at: base) { failures.value += 1 }
        driver.command(0xff)
        for word in 0..<32 as Range<UInt32> where driver.read(base + word * 4) != UInt64(round &* 0x0101_0101 &+ word) {
          failures.value += 1
        }
      }
    }
    var kills = 0
    while !worker.ends(within: Int64.random(in: 0...2000)), kills < 300 {
      try keeper.restart()
      kills += 1
    }
    #expect(worker.wait())
    #expect(failures.value == 0)
    #expect(kills > 0)
    for round in 30..<40 as Range<UInt32> {
      let want = (0..<32 as Range<UInt32>).flatMap { word -> [UInt8] in
        let value = round &* 0x0101_0101 &+ word
        return (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
      }
      #expect(bytes(content, at: Int(round % 10) * 128, count: 128) == want)
    }
    #expect(bytes(content, at: 1280, count: 64) == [UInt8](repeating: 0xff, count: 64))
  }

  @Test func fileThatBecomesShorter_readsAsErasedAndTheProcessLives() throws {
    let content = try file(size: 512 << 10)
    let keeper = try ContentKeeper("atoll-flash", content: try content.duplicate())
    let driver = FlashDriver(keeper.frontEnd())
    ftruncate(content.raw, 4096)
    #expect(driver.read(0x2_0000) == 0xffff_ffff)
    #expect(driver.read(0) == 0)
  }

  @Test func fileThatCannotBeWritten_isAnErrorOfTheCommand() throws {
    let content = try file(size: 256 << 10)
    let readOnly = try FileDescriptor.open("/proc/self/fd/\(content.raw)", flags: O_RDONLY)
    let keeper = try ContentKeeper("atoll-flash", content: readOnly)
    let driver = FlashDriver(keeper.frontEnd())
    #expect(!driver.erase(0))
    driver.command(0x50)
    #expect(driver.isWell())
  }

  @Test func configurationKilledWhileItIsRead_losesAndRepeatsNoByte() throws {
    let items = FirmwareConfiguration.items(vcpus: 256, ramBytes: 4 << 30)
    let tables = try #require(items.max { $0.bytes.count < $1.bytes.count })
    let encoded = FirmwareConfiguration.encode(items)
    let content = try MemoryFile.create("items", size: encoded.count)
    let mapping = try Mapping.shared(content, size: encoded.count)
    encoded.withUnsafeBytes { mapping.base.copyMemory(from: $0.baseAddress!, byteCount: encoded.count) }
    let keeper = try ContentKeeper("atoll-fwcfg", content: content)
    let link = keeper.frontEnd()
    let read = Box<[UInt8]>([])
    let worker = try Worker {
      var ring = RingFrontEnd(link, vcpu: 0)
      _ = ring.write(region: 0, offset: 8, size: 2, value: UInt64(tables.selector.byteSwapped), posted: false)
      var bytes: [UInt8] = []
      while bytes.count < tables.bytes.count {
        let word = ring.read(region: 0, offset: 0, size: 8) ?? 0
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
      }
      read.value = bytes
    }
    var kills = 0
    while !worker.ends(within: Int64.random(in: 0...300)), kills < 100 {
      try keeper.restart()
      kills += 1
    }
    #expect(worker.wait())
    #expect(Array(read.value.prefix(tables.bytes.count)) == tables.bytes)
    #expect(kills > 0)
  }
}
