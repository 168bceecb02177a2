import DeviceBus
import System
import Testing

private struct Both: ~Copyable {
  var device: ConsoleDeviceEnd
  var terminal: ConsoleTerminalEnd
  let memory: Mapping

  init() throws {
    let file = try MemoryFile.create("console", size: ConsoleSegment.size)
    let first = try Mapping.shared(file, size: ConsoleSegment.size)
    let second = try Mapping.shared(file, size: ConsoleSegment.size)
    terminal = try ConsoleTerminalEnd(file)
    device = ConsoleDeviceEnd(segment: first, outCount: 0, inCount: 0)
    memory = second
  }

  mutating func say(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { device.output.place($0) }
    device.output.commit(bytes.count)
  }
  mutating func read(_ count: Int) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    let got = buffer.withUnsafeMutableBytes { terminal.output.peek(into: $0) }
    terminal.output.advance(got)
    return Array(buffer[..<got])
  }
}

@Test func bytesCrossTheEndOfTheRingInOrder() throws {
  var both = try Both()
  var next: UInt8 = 0
  for _ in 0..<300 {
    let bytes = (0..<1000).map { _ in
      next &+= 1
      return next
    }
    both.say(bytes)
    let same = both.read(1000) == bytes
    #expect(same)
  }
}

@Test func placedBytesAreInvisibleUntilCommitted() throws {
  var both = try Both()
  [1, 2, 3].withUnsafeBytes { both.device.output.place($0) }
  #expect(both.terminal.output.available() == 0)
  both.device.output.commit(3)
  #expect(both.terminal.output.available() == 3)
}

@Test func fullRingHasNoRoomUntilTheReaderTakes() throws {
  var both = try Both()
  both.say([UInt8](repeating: 1, count: ConsoleSegment.capacity))
  #expect(both.device.output.room() == 0)
  both.device.output.announceWait()
  #expect(both.read(10).count == 10)
  #expect(both.terminal.output.writerWaits() == true)
  #expect(both.terminal.output.writerWaits() == false)
  #expect(both.device.output.room() == 10)
}

@Test(arguments: [UInt64(65537), 1 << 40, .max]) func impossiblePositionsCountAsNothing(position: UInt64) throws {
  let both = try Both()
  // The terminal lies about both rings, then the device does.
  both.memory.base.storeBytes(of: 0 &- position, toByteOffset: 64, as: UInt64.self)
  both.memory.base.storeBytes(of: position, toByteOffset: 128 + 65536, as: UInt64.self)
  #expect(both.device.output.isConsistent() == false)
  #expect(both.device.output.room() == 0)
  #expect(both.device.input.available() == 0)
  both.memory.base.storeBytes(of: position, toByteOffset: 0, as: UInt64.self)
  #expect(both.terminal.output.available() == 0)
  #expect(both.terminal.output.isConsistent() == false)
}
