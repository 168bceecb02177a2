import Testing
import Virtqueue
import VirtqueueDriver

@Suite("Rings under a shuffling device")
struct PropertyTests {
  struct Setting: CustomTestStringConvertible {
    var layout: Layout
    var size: UInt16
    var logged: Bool
    var testDescription: String { "\(layout.rawValue) of \(size)\(logged ? ", logged" : "")" }
  }

  static let settings = Layout.allCases.flatMap { layout in
    ([1, 2, 8, 64] + (layout.isPacked ? [3, 7, 100] : [])).flatMap { size in
      [false, true].map { Setting(layout: layout, size: UInt16(size), logged: $0) }
    }
  }

  /// What the driver put into a chain must be what the device finds, and what the device says what the driver hears.
  @Test("every chain comes back once with its own result", arguments: settings)
  func shuffle(setting: Setting) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = Seeded(state: seed)
    let log = setting.logged ? try Log(packed: setting.layout.isPacked, entries: max(setting.size, 4)) : nil
    let bench = try Bench(
      size: setting.size, packed: setting.layout.isPacked, tableEntries: 6, first: 0xff00, log: log?.area)
    var sent: [UInt16: Int] = [:]
    var held: [(token: ChainToken, bytes: Int)] = []
    var (added, completed) = (0, 0)
    for step in 0..<3000 {
      switch random.next(below: 3) {
      case 0:
        let bytes = Int(random.next(below: 5000)) + 1
        guard let id = bench.driver.add(pieces(bytes, bench, &random), indirect: random.next(below: 3) == 0) else {
          continue
        }
        try #require(sent[id] == nil, "seed \(seed)")
        sent[id] = bytes
        added += 1
      case 1:
        guard let token = try bench.pop() else { continue }
        held.append((token, bench.chain.readableBytes + bench.chain.writableBytes))
      default:
        guard !held.isEmpty else { continue }
        let chain = held.remove(at: Int(random.next(below: UInt64(held.count))))
        bench.device.push(chain.token, written: UInt32(chain.bytes))
        if random.next(below: 2) == 0 { continue }
        while let used = bench.driver.collect() {
          try #require(sent.removeValue(forKey: used.id) == Int(used.written), "seed \(seed), step \(step)")
          completed += 1
        }
      }
    }
    while let token = try bench.pop() { held.append((token, bench.chain.readableBytes + bench.chain.writableBytes)) }
    for chain in held.shuffled(using: &random) { bench.device.push(chain.token, written: UInt32(chain.bytes)) }
    while let used = bench.driver.collect() {
      try #require(sent.removeValue(forKey: used.id) == Int(used.written), "seed \(seed)")
      completed += 1
    }
    #expect(sent.isEmpty)
    #expect(completed == added)
  }

  /// `bytes` in one to four pieces.
  private func pieces(_ bytes: Int, _ bench: Bench, _ random: inout Seeded) -> [DriverBuffer] {
    var (left, buffers) = (bytes, [DriverBuffer]())
    let count = Int(random.next(below: 4)) + 1
    let firstWritable = Int(random.next(below: UInt64(count + 1)))
    for index in 0..<count {
      let length = index == count - 1 ? left : Int(random.next(below: UInt64(left + 1)))
      left -= length
      buffers.append(
        DriverBuffer(address: bench.memory.address(4096), length: UInt32(length), isWritable: index >= firstWritable))
    }
    return buffers
  }
}

/// Numbers that a failure can be repeated with (SplitMix64).
struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
  mutating func next(below bound: UInt64) -> UInt64 { bound == 0 ? 0 : next() % bound }
}
