import DeviceBus
import Glibc
import Machine
import ProcessSupport
import System

/// The test's end of a set-up socket, and the loong64 program at the other.
final class Peer {
  let child: Child
  let channel: Channel

  init(_ program: String) throws {
    let ends = try MessageSocket.pair()
    let other = FileDescriptor(owning: ends.1)
    channel = Channel(owning: FileDescriptor(owning: ends.0))
    child = try Loong64Build.start(program, descriptors: [-1, -1, -1, other.raw])
  }

  func next<M: Message>(_ type: M.Type = M.self) throws -> M {
    guard let message = try channel.receive() else { throw MessageError.truncated }
    return try message.decode(type)
  }
}

/// The UART in its own process, for one vCPU, and the test as its terminal.
final class SerialPeer {
  static let regions = [
    RegionWindow(guestAddress: 0x1fe0_01e0, size: 8, posted: false),
    RegionWindow(guestAddress: 0x1fe0_02e0, size: 8, posted: false),
  ]

  private(set) var peer: Peer
  let ring: FileDescriptor
  let interrupt: EventCounter
  private(set) var wake: EventCounter
  private let page: FileDescriptor
  private let segment: FileDescriptor
  private let terminal: EventCounter
  private let kick: EventCounter
  private var console: ConsoleTerminalEnd
  private var incarnation: UInt32 = 0

  init() throws {
    peer = try Peer("atoll-serial")
    ring = try MemoryFile.create("ring", size: AccessRing.segmentSize(vcpus: 1))
    page = try MemoryFile.create("page", size: StatePage.size(vcpus: 1))
    segment = try MemoryFile.create("console", size: ConsoleSegment.size)
    wake = try EventCounter()
    interrupt = try EventCounter()
    terminal = try EventCounter()
    kick = try EventCounter()
    console = try ConsoleTerminalEnd(segment)
    console.output.announceWait()
    try attach()
  }

  private func attach() throws {
    incarnation += 1
    try peer.channel.send(
      Attach(deviceIndex: 0, vcpus: 1, incarnation: incarnation, resume: incarnation > 1, console: true),
      descriptors: [
        ring.raw, page.raw, wake.descriptor.raw, interrupt.descriptor.raw, segment.raw, terminal.descriptor.raw,
        kick.descriptor.raw,
      ])
    _ = try peer.next(DeviceReady.self)
  }

  /// The VMM's side of the ring.
  func link() throws -> DeviceLink {
    try DeviceLink(
      segment: ring, vcpus: 1, wake: try wake.descriptor.duplicate(), control: try EventCounter().descriptor.duplicate()
    )
  }

  /// Kills the program; how it ended.
  func kill() -> Child.End {
    peer.child.kill(9)
    return peer.child.wait()
  }

  /// Starts its successor, which has a wake eventfd of its own.
  func start() throws {
    peer = try Peer("atoll-serial")
    wake = try EventCounter()
    try attach()
  }

  /// The next byte of the console, for which it waits at most 20 seconds.
  func byte() throws -> UInt8? {
    while console.output.available() == 0 {
      guard try Poll.wait([(terminal.descriptor.raw, Poll.input)], nanoseconds: 20_000_000_000).first != 0 else {
        return nil
      }
      terminal.drain()
      console.output.announceWait()
    }
    var byte: UInt8 = 0
    withUnsafeMutableBytes(of: &byte) { _ = console.output.peek(into: $0) }
    console.output.advance(1)
    console.output.store()
    return byte
  }

  /// What comes up to the next line feed.
  func line() throws -> String {
    var bytes: [UInt8] = []
    while bytes.last != 10, let byte = try byte() { bytes.append(byte) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Goes, as a supervisor may; how the program ended.
  func leave() -> Child.End {
    shutdown(peer.channel.raw, Int32(SHUT_RDWR))
    return peer.child.wait()
  }
}

/// The VMM with one vCPU on the software CPU, and the UART. The test is their supervisor.
final class SmallMachine {
  static let ramSize = 4 << 20

  let serial: SerialPeer
  private let vmm: Peer
  private let ram: Mapping
  /// How the VMM described itself.
  let ready: MachineReady

  init(_ image: [UInt8], at base: UInt64, entry: UInt64) throws {
    let file = try MemoryFile.create("ram", size: Self.ramSize)
    ram = try Mapping.shared(file, size: Self.ramSize)
    (ram.base + Int(base)).copyMemory(from: image, byteCount: image.count)
    vmm = try Peer("atoll-vmm")
    try vmm.channel.send(MachineSetup(vcpus: 1, ramBytes: UInt64(Self.ramSize)), descriptors: [file.raw])
    ready = try vmm.next()
    serial = try SerialPeer()
    try vmm.channel.send(
      AttachDevice(deviceIndex: 0, incarnation: 1, pin: 2, regions: SerialPeer.regions),
      descriptors: [serial.ring.raw, serial.wake.descriptor.raw, serial.interrupt.descriptor.raw])
    try vmm.channel.send(Boot(entry: BootEntry(pc: entry, a0: 0, a1: 0, a2: 0, parkAddress: 0)))
  }

  /// Lets the vCPU run.
  func run() throws { try vmm.channel.send(Run()) }

  /// A word of guest RAM.
  func word(_ offset: Int) -> UInt32 { ram.base.load(fromByteOffset: offset, as: UInt32.self) }

  func counters() throws -> MachineCounters {
    try vmm.channel.send(QueryMachineCounters())
    return try vmm.next()
  }

  /// Ends both programs as a supervisor does; how they ended.
  func stop() throws -> (vmm: Child.End, serial: Child.End) {
    try vmm.channel.send(Stop())
    return (vmm.child.wait(), serial.leave())
  }
}
