import DeviceBus
import DeviceProcess
import ProcessSupport
import Synchronization
import System
import Testing

/// Starts incarnations of a device as the supervisor does.
private struct Keeper: ~Copyable {
  let program: String
  let segments: Segments
  var incarnation: UInt32 = 0
  var child: Child?
  var supervisor: Supervisor?

  init(_ program: String, vcpus: Int) throws {
    let segments = try Segments(vcpus: vcpus)
    self.program = program
    self.segments = segments
  }

  /// Starts the next incarnation, waits until it is ready and returns its wake eventfd.
  mutating func start() throws -> FileDescriptor {
    let wake = try EventCounter()
    incarnation += 1
    let (supervisor, device) = try segments.attach(incarnation: incarnation, resume: incarnation > 1, wake: wake)
    child = try Child(program, descriptors: [-1, -1, -1, device])
    _ = FileDescriptor(owning: device)
    self.supervisor = supervisor
    guard let first = try supervisor.channel.receive() else { throw MessageError.truncated }
    let failure = try? first.decode(DeviceFailed.self).text
    let request = first.request
    #expect(request == .deviceReady, "incarnation \(incarnation): \(failure ?? "")")
    return try wake.descriptor.duplicate()
  }

  /// The first word of the model's published state.
  func modelAccesses() throws -> UInt64 {
    let page = try Mapping.shared(segments.page, size: StatePage.size(vcpus: segments.vcpus))
    let generation = page.base.load(fromByteOffset: 24, as: UInt64.self)
    return page.base.load(fromByteOffset: 64 + Int(generation & 1) * ((page.size - 64) / 2), as: UInt64.self)
  }

  mutating func kill() {
    child?.kill(9)
    _ = child?.wait()
  }
}

/// What the terminal sends and sees.
private final class Person: Sendable {
  let typed: Int
  let seen = Mutex<[UInt8]>([])
  /// How many are in `seen`; ThreadSanitizer does not know the futex in Swift's Mutex, so a waiting test looks here.
  let count = Atomic<Int>(0)
  private let stop = Atomic<Bool>(false)

  init(typed: Int) { self.typed = typed }

  /// Serves the terminal's end of a console in a thread.
  func start(_ segments: borrowing Segments) throws -> Worker {
    let console = try segments.console.duplicate()
    let kick = try segments.kick.descriptor.duplicate().release()
    let wake = try segments.terminal.descriptor.duplicate().release()
    return try Worker { [self] in
      guard let end = try? ConsoleTerminalEnd(console) else { return }
      serve(
        end, kick: EventCounter(owning: FileDescriptor(owning: kick)),
        wake: EventCounter(owning: FileDescriptor(owning: wake)))
    }
  }

  func finish() { stop.store(true, ordering: .relaxed) }

  func serve(_ console: consuming ConsoleTerminalEnd, kick: borrowing EventCounter, wake: borrowing EventCounter) {
    var next = 0
    while !stop.load(ordering: .relaxed) || console.output.available() > 0 {
      while next < typed, console.input.room() > 0 {
        withUnsafeBytes(of: UInt8(truncatingIfNeeded: next)) { console.input.place($0) }
        console.input.commit(1)
        next += 1
      }
      if console.input.readerWaits() { kick.signal() }
      var buffer = [UInt8](repeating: 0, count: 1000)
      let count = buffer.withUnsafeMutableBytes { console.output.peek(into: $0) }
      seen.withLock { $0 += buffer.prefix(count) }
      self.count.wrappingAdd(count, ordering: .releasing)
      console.output.advance(count)
      if console.output.writerWaits() { kick.signal() }
      if count == 0 { _ = try? Poll.wait([(wake.descriptor.raw, Poll.input)], nanoseconds: 500_000) }
    }
  }
}

@Test func deviceKilledAgainAndAgainLosesAndRepeatsNoAccessAndNoByte() throws {
  let (bytesOut, bytesIn, folds) = (6_000, 3_000, 6_000)
  var keeper = try Keeper("fake-device", vcpus: 2)
  let wake = try keeper.start()
  let control = try EventCounter()
  let link = try DeviceLink(
    segment: keeper.segments.ring, vcpus: 2, wake: wake, control: try control.descriptor.duplicate())
  let person = Person(typed: bytesIn)
  let reader = try person.start(keeper.segments)

  let orderly = Box(true)
  let printer = try Worker {
    var ring = RingFrontEnd(link, vcpu: 0)
    var last: UInt64 = 0
    for i in 0..<bytesOut {
      while ring.read(region: 0, offset: 16, size: 8) == 0 {}
      _ = ring.write(region: 0, offset: 8, size: 8, value: UInt64(i & 0xff), posted: false)
      let count = ring.read(region: 0, offset: 0, size: 8) ?? 0
      if count <= last { orderly.value = false }
      last = count
    }
  }
  let got = Box<[UInt8]>([])
  let sum = Box<UInt64>(0)
  let folder = try Worker {
    var ring = RingFrontEnd(link, vcpu: 1)
    var bytes: [UInt8] = []
    for i in 0..<folds {
      _ = ring.write(region: 1, offset: 0, size: 8, value: UInt64(i), posted: true)
      if i % 4 == 0, let byte = ring.read(region: 0, offset: 24, size: 8), byte != 0 {
        bytes.append(UInt8(byte & 0xff))
      }
    }
    while bytes.count < bytesIn {
      if let byte = ring.read(region: 0, offset: 24, size: 8), byte != 0 { bytes.append(UInt8(byte & 0xff)) }
    }
    sum.value = ring.read(region: 1, offset: 0, size: 8) ?? 0
    got.value = bytes
  }

  var random = Random(seed: 7)
  var kills = 0
  while !(printer.ends(within: Int64.random(in: 0...3000, using: &random)) && folder.ends(within: 0)), kills < 400 {
    keeper.kill()
    link.detach()
    try link.reattach(wake: try keeper.start())
    kills += 1
  }
  #expect(printer.wait() && folder.wait())
  person.finish()
  #expect(reader.wait())
  link.stop()
  keeper.kill()

  #expect(kills > 5)
  #expect(try keeper.modelAccesses() == link.accesses)
  #expect(orderly.value)
  #expect(link.takeFault() == nil)
  let seen = person.seen.withLock { $0 }
  let expectedOut = (0..<bytesOut).map { UInt8($0 & 0xff) }
  #expect(seen.count == bytesOut)
  let outputIsRight = seen == expectedOut
  #expect(outputIsRight)
  let inputIsRight = got.value == (0..<bytesIn).map { UInt8(truncatingIfNeeded: $0) }
  #expect(inputIsRight)
  #expect(sum.value == (0..<folds).reduce(UInt64(0)) { $0 &* 31 &+ UInt64($1) })
}

/// The guest's side of the real serial device: registers of TI PC16550D, 8.
private struct UART: ~Copyable {
  var ring: RingFrontEnd

  init(_ link: DeviceLink) {
    ring = RingFrontEnd(link, vcpu: 0)
    // FIFO control: FIFOs on.
    _ = ring.write(region: 0, offset: 2, size: 1, value: 1, posted: false)
  }
  mutating func status() -> UInt64 { ring.read(region: 0, offset: 5, size: 1) ?? 0 }
  mutating func receive() -> UInt8 { UInt8(truncatingIfNeeded: ring.read(region: 0, offset: 0, size: 1) ?? 0) }
  mutating func send(_ byte: UInt8) {
    _ = ring.write(region: 0, offset: 0, size: 1, value: UInt64(byte), posted: false)
  }
}

@Test func serialDeviceKilledWhileTheGuestPrintsAndThePersonTypesLosesNoByte() throws {
  let (bytesOut, bytesIn) = (16_384, 4_096)
  var keeper = try Keeper("atoll-serial", vcpus: 1)
  let wake = try keeper.start()
  let control = try EventCounter()
  let link = try DeviceLink(
    segment: keeper.segments.ring, vcpus: 1, wake: wake, control: try control.descriptor.duplicate())
  let person = Person(typed: bytesIn)
  let reader = try person.start(keeper.segments)

  let got = Box<[UInt8]>([])
  let guest = try Worker {
    var uart = UART(link)
    var bytes: [UInt8] = []
    var sent = 0
    while sent < bytesOut || bytes.count < bytesIn {
      let status = uart.status()
      if status & 1 != 0 { bytes.append(uart.receive()) }
      guard status & 0x20 != 0, sent < bytesOut else { continue }
      uart.send(UInt8(truncatingIfNeeded: sent))
      sent += 1
    }
    // Transmitter empty: the last byte is out.
    while uart.status() & 0x40 == 0 {}
    got.value = bytes
  }
  var random = Random(seed: 11)
  var kills = 0
  while !guest.ends(within: Int64.random(in: 0...4000, using: &random)), kills < 400 {
    keeper.kill()
    link.detach()
    try link.reattach(wake: try keeper.start())
    kills += 1
  }
  #expect(guest.wait())
  person.finish()
  #expect(reader.wait())
  link.stop()

  #expect(kills > 3)
  let seen = person.seen.withLock { $0 }
  let outputIsRight = seen == (0..<bytesOut).map { UInt8(truncatingIfNeeded: $0) }
  #expect(outputIsRight, "\(seen.count) bytes of \(bytesOut)")
  let inputIsRight = got.value == (0..<bytesIn).map { UInt8(truncatingIfNeeded: $0) }
  #expect(inputIsRight)
}

/// A guest that waits for the transmitter's interrupt touches no register meanwhile: the successor finds the room itself.
@Test func serialDeviceKilledWithBytesWithoutRoomSendsThemOnceThereIsSome() throws {
  var keeper = try Keeper("atoll-serial", vcpus: 1)
  let console = try Mapping.shared(keeper.segments.console, size: ConsoleSegment.size)
  console.base.storeBytes(of: UInt64(ConsoleSegment.capacity), as: UInt64.self)
  let wake = try keeper.start()
  let control = try EventCounter()
  let link = try DeviceLink(
    segment: keeper.segments.ring, vcpus: 1, wake: wake, control: try control.descriptor.duplicate())
  var uart = UART(link)
  let held: [UInt8] = Array(1...16)
  for byte in held { uart.send(byte) }
  keeper.kill()
  link.detach()
  try link.reattach(wake: try keeper.start())

  let person = Person(typed: 0)
  let reader = try person.start(keeper.segments)
  let end = Clock.monotonic + 10_000_000_000
  let total = ConsoleSegment.capacity + held.count
  while person.count.load(ordering: .acquiring) < total, Clock.monotonic < end { spinHint() }
  person.finish()
  #expect(reader.wait())
  link.stop()
  keeper.kill()

  let seen = person.seen.withLock { $0 }
  #expect(seen.count == total && Array(seen.suffix(held.count)) == held)
}
