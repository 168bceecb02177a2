import CSystem
import DeviceBus
import System
import Testing
import VirtqueueDriver

@testable import VhostDevice
@testable import Virtqueue
@testable import atoll_console

/// A console with a driver and a terminal, and the memory that outlives its process: guest memory, log, console segment.
final class Rig {
  static let buffer: UInt32 = 64

  let packed: Bool
  let memory: DriverMemory
  let guest: GuestMemory
  let area: InflightArea
  let receive: RingDriver
  let transmit: RingDriver
  /// Bytes of guest memory that a console writes: rings and receive buffers.
  let writtenBytes = 4096
  private var buffers: Int
  private let logFile: FileDescriptor
  let segmentFile: FileDescriptor
  let segment: Mapping
  var terminal: ConsoleTerminalEnd
  let wake: Int32
  let kick: Int32
  /// Where the receive buffers and the bytes for the terminal are.
  private var addresses: [UInt16: UInt64] = [:]
  private var lengths: [UInt16: Int] = [:]
  /// What the guest has got.
  var received: [UInt8] = []
  /// What the terminal has got.
  var shown: [UInt8] = []

  init(packed: Bool) throws {
    self.packed = packed
    memory = try DriverMemory(size: 1 << 20)
    receive = try #require(RingDriver(size: 4, packed: packed, first: 0xfffe, in: memory))
    transmit = try #require(RingDriver(size: 4, packed: packed, first: 0xfffe, in: memory))
    buffers = try #require(memory.allocate(0))
    // What the console writes is in the first pages; what it reads is behind them.
    memory.rewind(to: writtenBytes)
    guest = try memory.mapped()
    logFile = try InflightArea.create(queues: 2, queueSize: 4, packed: packed)
    area = try InflightArea(
      descriptor: logFile.raw, offset: 0, size: UInt64(InflightArea.size(queues: 2, queueSize: 4, packed: packed)),
      queues: 2, queueSize: 4, sealed: true)
    segmentFile = try MemoryFile.create("console", size: ConsoleSegment.size)
    segment = try Mapping.shared(segmentFile, size: ConsoleSegment.size)
    terminal = try ConsoleTerminalEnd(segmentFile)
    (wake, kick) = (atoll_eventfd(), atoll_eventfd())
  }

  deinit {
    _ = atoll_close(wake)
    _ = atoll_close(kick)
  }

  /// The bytes of log.
  var logSize: Int { InflightArea.size(queues: 2, queueSize: 4, packed: packed) }

  /// A line of a new incarnation on this segment.
  func line() throws -> SegmentLine {
    try SegmentLine(segment: atoll_dup(segmentFile.raw), wake: atoll_dup(wake), kick: atoll_dup(kick))
  }

  /// Its rings, running.
  func rings() throws -> Rings {
    let rings = try Rings(name: "test", count: 2)
    for (index, driver) in [receive, transmit].enumerated() {
      rings.enable(index, true)
      rings.start(
        index,
        try Virtqueue(
          index: index, size: 4, addresses: driver.addresses, features: packed ? RingFeature.packed : 0,
          base: driver.firstBase, memory: guest, log: area))
    }
    return rings
  }

  // MARK: guest

  /// Offers a buffer for bytes of the terminal.
  func offer() {
    let address = memory.address(buffers)
    guard let id = receive.add([DriverBuffer(address: address, length: Rig.buffer, isWritable: true)]) else { return }
    buffers += Int(Rig.buffer)
    addresses[id] = address
  }

  /// Prints bytes, in two pieces.
  func send(_ bytes: [UInt8]) throws {
    let at = try #require(memory.allocate(bytes.count))
    (memory.base + at).copyMemory(from: bytes, byteCount: bytes.count)
    let half = bytes.count / 2
    let pieces = [(at, half), (at + half, bytes.count - half)].map {
      DriverBuffer(address: memory.address($0.0), length: UInt32($0.1), isWritable: false)
    }
    try #require(transmit.add(pieces) != nil)
  }

  /// Takes everything that came back.
  func collect() {
    while let used = receive.collect() {
      guard let address = addresses.removeValue(forKey: used.id) else { continue }
      let start = memory.base + Int(address - memory.guestAddress)
      received += Array(UnsafeRawBufferPointer(start: start, count: Int(used.written)))
    }
    while transmit.collect() != nil {}
  }

  // MARK: terminal

  func type(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { terminal.input.place($0) }
    terminal.input.commit(bytes.count)
  }

  func show(atMost limit: Int = ConsoleSegment.capacity) {
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = bytes.withUnsafeMutableBytes { terminal.output.peek(into: $0) }
    terminal.output.advance(count)
    shown += bytes.prefix(count)
  }
}

extension ConsoleDevice {
  /// Both rings, as after kicks.
  mutating func serveAll(_ rings: Rings) {
    serve(0, rings)
    serve(1, rings)
  }
}
