import CSystem
import DeviceBus
import Glibc
import ProcessSupport
import System
import Testing

/// `atoll-terminal` between two descriptors of the test, with the test as its supervisor and its device.
private struct Terminal: ~Copyable {
  let child: Child
  let supervisor: Supervisor
  var device: ConsoleDeviceEnd
  let wake: EventCounter
  let kick: EventCounter

  init(input: Int32, output: Int32) throws {
    let segment = try MemoryFile.create("console", size: ConsoleSegment.size)
    let wake = try EventCounter()
    let kick = try EventCounter()
    let ends = try MessageSocket.pair()
    let supervisor = Supervisor(Channel(owning: FileDescriptor(owning: ends.0)))
    let other = FileDescriptor(owning: ends.1)
    let child = try Child("atoll-terminal", descriptors: [input, output, 2, other.raw])
    try supervisor.channel.send(
      AttachConsole(), descriptors: [segment.raw, wake.descriptor.raw, kick.descriptor.raw])
    let mapping = try Mapping.shared(segment, size: ConsoleSegment.size)
    self.child = child
    self.supervisor = supervisor
    self.wake = wake
    self.kick = kick
    device = ConsoleDeviceEnd(segment: mapping, outCount: 0, inCount: 0)
  }

  /// The next message's request.
  func next() throws -> Request? {
    guard let message = try supervisor.channel.receive() else { return nil }
    return message.request
  }

  /// The guest says `bytes`; waits for room.
  mutating func say(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = min(device.output.room(), bytes.count - sent)
      bytes[sent..<sent + count].withUnsafeBytes { device.output.place($0) }
      device.output.commit(count)
      sent += count
      if device.output.readerWaits() { wake.signal() }
      guard count == 0 else { continue }
      device.output.announceWait()
      if device.output.room() == 0 {
        _ = try Poll.wait([(kick.descriptor.raw, Poll.input)], nanoseconds: 1_000_000_000)
      }
      kick.drain()
    }
  }

  /// The guest takes `count` bytes; waits for them.
  mutating func hear(_ count: Int) throws -> [UInt8] {
    var heard: [UInt8] = []
    while heard.count < count {
      var buffer = [UInt8](repeating: 0, count: min(777, count - heard.count))
      let got = buffer.withUnsafeMutableBytes { device.input.peek(into: $0) }
      heard += buffer.prefix(got)
      device.input.advance(got)
      if device.input.writerWaits() { wake.signal() }
      guard got == 0 else { continue }
      device.input.announceWait()
      guard device.input.available() == 0 else { continue }
      let ready = try Poll.wait([(kick.descriptor.raw, Poll.input)], nanoseconds: 5_000_000_000)
      if ready[0] == 0 { break }
      kick.drain()
    }
    return heard
  }
}

/// A pipe; a struct, because a tuple cannot hold descriptors.
private struct Pipe: ~Copyable {
  var reader: FileDescriptor
  var writer: FileDescriptor

  init() throws {
    var ends: [Int32] = [-1, -1]
    guard atoll_pipe(&ends) == 0 else { throw SystemError("pipe", errno) }
    reader = FileDescriptor(owning: ends[0])
    writer = FileDescriptor(owning: ends[1])
  }

  mutating func closeWriter() { writer = FileDescriptor(owning: -1) }
}

private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) } }

@Test func pipedInputReachesTheGuestByteForByteAndItsEndIsToldAfterTheLastByte() throws {
  var input = try Pipe()
  let output = try Pipe()
  var terminal = try Terminal(input: input.reader.raw, output: output.writer.raw)
  #expect(try terminal.next() == .terminalReady)

  // Holds every byte value, Ctrl-A among them: a pipe has no commands.
  let bytes = pattern(60_000)
  let writing = input.writer.raw
  let writer = try Worker { _ = bytes.withUnsafeBytes { Glibc.write(writing, $0.baseAddress, $0.count) } }
  let heard = try terminal.hear(bytes.count)
  #expect(writer.wait())
  input.closeWriter()

  let same = heard == bytes
  #expect(same)
  #expect(try terminal.next() == .inputClosed)
}

@Test func outputThroughASlowPipeArrivesWholeAfterTheInputHasEnded() throws {
  var input = try Pipe()
  input.closeWriter()
  let output = try Pipe()
  var terminal = try Terminal(input: input.reader.raw, output: output.writer.raw)
  #expect(try terminal.next() == .terminalReady)
  #expect(try terminal.next() == .inputClosed)

  // Much more than ring and pipe hold together.
  let bytes = pattern(600_000)
  let reading = output.reader.raw
  let seen = Box<[UInt8]>([])
  let reader = try Worker {
    var all: [UInt8] = []
    while all.count < bytes.count {
      var buffer = [UInt8](repeating: 0, count: 3000)
      let got = Glibc.read(reading, &buffer, buffer.count)
      if got <= 0 { break }
      all += buffer.prefix(got)
    }
    seen.value = all
  }
  try terminal.say(bytes)
  try terminal.supervisor.channel.send(Finish())

  #expect(terminal.child.wait() == .status(0))
  #expect(reader.wait())
  let same = seen.value == bytes
  #expect(same)
}

@Test func terminalWithoutInputUsesNoProcessorTime() throws {
  var input = try Pipe()
  input.closeWriter()
  let output = try Pipe()
  let terminal = try Terminal(input: input.reader.raw, output: output.writer.raw)
  #expect(try terminal.next() == .terminalReady)
  #expect(try terminal.next() == .inputClosed)

  let before = terminal.child.processorTicks()
  _ = try Poll.wait([(-1, Poll.input)], nanoseconds: 200_000_000)
  #expect(terminal.child.processorTicks() - before <= 1)
}

@Test func closedOutputEndsTheMachine() throws {
  let input = try Pipe()
  var output = try Pipe()
  var terminal = try Terminal(input: input.reader.raw, output: output.writer.raw)
  #expect(try terminal.next() == .terminalReady)
  output.closeWriter()
  output = try Pipe()

  // More than once: a process that another test is just starting holds the reading end until it executes, and takes
  // what is written meanwhile.
  for _ in 0..<100 {
    try terminal.say([65])
    let answered = try Poll.wait([(terminal.supervisor.channel.raw, Poll.input)], nanoseconds: 100_000_000)
    if answered[0] != 0 { break }
  }

  #expect(try terminal.next() == .quit)
}

@Test func impossiblePositionsFromTheDeviceAreToldOnceAndPrintNothing() throws {
  let input = try Pipe()
  let output = try Pipe()
  var terminal = try Terminal(input: input.reader.raw, output: output.writer.raw)
  #expect(try terminal.next() == .terminalReady)

  terminal.device.output.commit(ConsoleSegment.capacity + 1)
  terminal.wake.signal()
  #expect(try terminal.next() == .consoleFault)
  try terminal.supervisor.channel.send(Finish())

  #expect(terminal.child.wait() == .status(0))
  let ready = try Poll.wait([(output.reader.raw, Poll.input)], nanoseconds: 0)
  #expect(ready[0] & Poll.input == 0)
}

/// The two ends of a pseudo-terminal.
private struct PseudoTerminal: ~Copyable {
  let person: FileDescriptor
  let process: FileDescriptor

  init() throws {
    // TIOCSPTLCK and TIOCGPTN of asm-generic/ioctls.h: unlock, and the number in /dev/pts.
    let opened = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var locked: Int32 = 0
    var number: Int32 = 0
    guard opened >= 0, ioctl(opened, 0x4004_5431, &locked) == 0, ioctl(opened, 0x8004_5430, &number) == 0 else {
      throw SystemError("open of a pseudo-terminal", errno)
    }
    let other = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
    person = FileDescriptor(owning: opened)
    process = FileDescriptor(owning: other)
  }

  var modes: (UInt32, UInt32) {
    var state = termios()
    tcgetattr(process.raw, &state)
    return (state.c_lflag, state.c_iflag)
  }

  func type(_ text: [UInt8]) { _ = Glibc.write(person.raw, text, text.count) }
}

enum WayOut: CaseIterable {
  case finish, supervisorGone, terminated
}

@Test(arguments: WayOut.allCases) func rawModeIsRestoredOnEveryWayOut(way: WayOut) throws {
  let screen = try PseudoTerminal()
  let before = screen.modes
  let input = screen.process.raw
  let terminal = try Terminal(input: input, output: input)
  #expect(try terminal.next() == .terminalReady)
  #expect(screen.modes.0 & UInt32(ICANON | ECHO | ISIG) == 0)

  switch way {
  case .finish: try terminal.supervisor.channel.send(Finish())
  case .supervisorGone: shutdown(terminal.supervisor.channel.raw, Int32(SHUT_RDWR))
  case .terminated: terminal.child.kill(SIGTERM)
  }

  #expect(terminal.child.wait() == .status(way == .terminated ? 143 : 0))
  #expect(screen.modes == before)
}

@Test func controlACommandsAreTakenOutOfWhatTheGuestGets() throws {
  let screen = try PseudoTerminal()
  var terminal = try Terminal(input: screen.process.raw, output: screen.process.raw)
  #expect(try terminal.next() == .terminalReady)

  // Bytes, a literal Ctrl-A, an unknown command, Ctrl-C, help, quit.
  screen.type([97, 1, 1, 98, 1, 122, 3, 1, 104, 99, 1, 120])

  #expect(try terminal.hear(7) == [97, 1, 98, 1, 122, 3, 99])
  #expect(try terminal.next() == .quit)
  var buffer = [UInt8](repeating: 0, count: 4096)
  let count = Glibc.read(screen.person.raw, &buffer, buffer.count)
  let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  #expect(text.contains("Ctrl-A x"))
}
