import System
import VhostUser
import VirtqueueDriver

/// What a block load asks for.
public struct BlockLoadOptions: Sendable {
  /// Requests under way on each queue.
  public var depth = 32
  /// Bytes of a request, a multiple of 512.
  public var size = 4096
  /// In order, else at random.
  public var sequential = false
  /// Write, else read.
  public var writes = false
  /// Compare what is read with the pattern of `BlockLoad.pattern`; write that pattern.
  public var verifies = false
  /// Sleep for signals, else look at the ring all the time.
  public var sleeps = false
  /// How long.
  public var seconds = 2.0
  public init() {}
}

/// What came of it.
public struct BlockResult: Sendable {
  public var requests = 0
  public var seconds = 0.0
  public var kicks = 0
  public var signals = 0
  public var rate: Double { Double(requests) / seconds }
}

/// Requests to a virtio block device (virtio 1.3, 5.2.6), `depth` under way on each queue.
public final class BlockLoad {
  private let frontEnd: FrontEnd
  private let options: BlockLoadOptions
  private let blocks: UInt64
  /// By queue and chain name: where in memory its slot is. A slot: head of 16 bytes, status, data at 4096.
  private var slots: [[Int]] = []
  private var free: [[Int]] = []
  private var positions: [Int: UInt64] = [:]
  private var next: UInt64 = 0
  private var random = SystemRandomNumberGenerator()
  private static let dataOffset = 4096

  /// A load over queues that run; the capacity is read from configuration space.
  public init(_ frontEnd: FrontEnd, _ options: BlockLoadOptions) throws {
    (self.frontEnd, self.options) = (frontEnd, options)
    let sectors = frontEnd.session.config.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    blocks = sectors * 512 / UInt64(options.size)
    guard blocks > 0 else { throw BenchFailure("the disk is smaller than a request") }
    let stride = BlockLoad.dataOffset + (options.size + 4095) & ~4095
    for queue in frontEnd.queues {
      slots.append([Int](repeating: -1, count: Int(queue.ring.size)))
      var mine: [Int] = []
      for _ in 0..<options.depth {
        guard let slot = frontEnd.memory.allocate(stride, alignment: 4096) else {
          throw BenchFailure("the requests do not fit the memory")
        }
        mine.append(slot)
      }
      free.append(mine)
    }
  }

  /// Runs for the time of the options.
  public func run() throws -> BlockResult {
    var result = BlockResult()
    let (kicks, signals) = counters
    let start = Clock.monotonic
    let end = start + Int64(options.seconds * 1e9)
    for index in frontEnd.queues.indices { try fill(index) }
    while Clock.monotonic < end {
      for index in frontEnd.queues.indices {
        result.requests += try collect(index)
        try fill(index)
      }
      if options.sleeps { try sleep() }
    }
    result.seconds = Double(Clock.monotonic - start) / 1e9
    try drain()
    (result.kicks, result.signals) = (counters.0 - kicks, counters.1 - signals)
    return result
  }

  private var counters: (Int, Int) {
    frontEnd.queues.reduce((0, 0)) { ($0.0 + $1.kicks, $0.1 + $1.signals) }
  }

  private func sleep() throws {
    guard frontEnd.queues.allSatisfy({ $0.ring.outstanding > 0 }) else { return }
    guard try frontEnd.waitForSignal(of: 0) else { throw BenchFailure("no request was done within 10 s") }
    frontEnd.queues[0].ring.disableSignals()
  }

  private func drain() throws {
    let end = Clock.monotonic + 10_000_000_000
    for index in frontEnd.queues.indices {
      while frontEnd.queues[index].ring.outstanding > 0 {
        _ = try collect(index)
        guard Clock.monotonic < end else { throw BenchFailure("requests were lost") }
      }
    }
  }

  private func fill(_ index: Int) throws {
    let queue = frontEnd.queues[index]
    while let slot = free[index].popLast() {
      guard let id = submit(queue, slot) else {
        free[index].append(slot)
        break
      }
      slots[index][Int(id)] = slot
    }
    queue.kick()
  }

  /// Puts one request into `slot` and into the ring.
  private func submit(_ queue: Queue, _ slot: Int) -> UInt16? {
    let position = options.sequential ? next % blocks : UInt64.random(in: 0..<blocks, using: &random)
    next += 1
    let memory = frontEnd.memory
    let head = memory.base + slot
    head.storeBytes(of: options.writes ? 1 : 0, as: UInt32.self)
    head.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self)
    head.storeBytes(of: position * UInt64(options.size / 512), toByteOffset: 8, as: UInt64.self)
    head.storeBytes(of: 0xff, toByteOffset: 16, as: UInt8.self)
    if options.verifies {
      positions[slot] = position
      if options.writes { BlockLoad.pattern(head + BlockLoad.dataOffset, options.size, at: position) }
    }
    return queue.ring.add([
      DriverBuffer(address: memory.address(slot), length: 16, isWritable: false),
      DriverBuffer(
        address: memory.address(slot + BlockLoad.dataOffset), length: UInt32(options.size), isWritable: !options.writes),
      DriverBuffer(address: memory.address(slot + 16), length: 1, isWritable: true),
    ])
  }

  private func collect(_ index: Int) throws -> Int {
    var count = 0
    while let used = frontEnd.queues[index].ring.collect() {
      let slot = slots[index][Int(used.id)]
      let status = frontEnd.memory.base.load(fromByteOffset: slot + 16, as: UInt8.self)
      guard status == 0 else { throw BenchFailure("a request ended with status \(status)") }
      if options.verifies { try verify(slot, used) }
      free[index].append(slot)
      count += 1
    }
    return count
  }

  private func verify(_ slot: Int, _ used: UsedChain) throws {
    guard let position = positions[slot] else { return }
    let expected = options.writes ? 1 : options.size + 1
    guard Int(used.written) == expected else {
      throw BenchFailure("a request says that \(used.written) bytes were written, not \(expected)")
    }
    if options.writes { return }
    let data = frontEnd.memory.base + slot + BlockLoad.dataOffset
    for offset in stride(from: 0, to: options.size, by: 512) {
      let there = data.load(fromByteOffset: offset, as: UInt64.self)
      let right = (position * UInt64(options.size) + UInt64(offset)) / 512
      guard there == right else { throw BenchFailure("sector \(right) holds the pattern of \(there)") }
    }
  }

  /// Writes the number of each sector at its start; `position` counts in `size`.
  public static func pattern(_ data: UnsafeMutableRawPointer, _ size: Int, at position: UInt64) {
    for offset in stride(from: 0, to: size, by: 512) {
      data.storeBytes(of: (position * UInt64(size) + UInt64(offset)) / 512, toByteOffset: offset, as: UInt64.self)
    }
  }
}
