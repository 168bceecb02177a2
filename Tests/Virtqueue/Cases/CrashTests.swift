import StoreRecording
import System
import Testing
import VirtqueueDriver

@testable import Virtqueue

/// A device serves a ring, and memory is copied after each store to ring or log. Whatever is there, had the process died,
/// a successor must find every chain that the driver has not got back, each once and in order, and none that it has.
@Suite("Dying after every store", .serialized, .enabled(if: StoreRecorder.isSupported))
struct CrashTests {
  struct Scenario: CustomTestStringConvertible, Sendable {
    var setting: CrashSetting
    /// What driver (`a` add, `c` collect) and an earlier incarnation do before.
    var before: String
    /// What its successor does after it has taken over; it is the one that dies.
    var script: String
    var testDescription: String {
      "\(setting.isPacked ? "packed" : "split") \(setting.size)/\(setting.entries): \(before) then \(script)"
    }
  }

  static let scenarios: [Scenario] = {
    let stories = [
      ("", ""), ("a", "p0"), ("aaa", "pp1"), ("aaapp1", "pp0u0"), ("ap0cap0cap0caa", "pp1p00"),
      ("ap0caap0cappa", "ppp10"),
      ("ap0cap0caapp", "ppu"), ("ap0cap0caap", "ppup0"), ("aa", "ppB"), ("ap0cap0caap", "pppB"), ("aaapp", "pppB"),
    ]
    var settings = [
      CrashSetting(isPacked: false, size: 4, entries: 4), CrashSetting(isPacked: false, size: 8, entries: 16),
    ]
    settings += [(3, 3), (4, 4), (5, 8)].map { CrashSetting(isPacked: true, size: $0.0, entries: $0.1) }
    return settings.flatMap { setting in stories.map { Scenario(setting: setting, before: $0.0, script: $0.1) } }
  }()

  @Test("no chain is lost or repeated", arguments: scenarios)
  func everyStep(scenario: Scenario) throws {
    let states = try scenario.states(from: nil, script: scenario.script)
    // Not a test of nothing.
    #expect(states.count > 1 || scenario.script.isEmpty)
    for (step, state) in states.enumerated() {
      let problem = try scenario.verify(state)
      #expect(problem == nil, "state \(step) of \(states.count)")
    }
  }

  @Test("the driver sees all of a batch or nothing", arguments: scenarios.filter { $0.script.last == "B" })
  func batches(scenario: Scenario) throws {
    let states = try scenario.states(from: nil, script: scenario.script)
    let seen = try states.map { state in
      let world = try scenario.prepare()
      StoreRecorder.restore(state, try world.ranges)
      let before = world.offered.count
      world.collect()
      return before - world.offered.count
    }
    #expect(Set(seen).count == 2)
    #expect(seen == seen.sorted())
  }

  @Test("nor when the successor dies while it repairs the log", arguments: scenarios.filter { $0.setting.entries <= 5 })
  func everyStepOfRepair(scenario: Scenario) throws {
    var repaired: Set<[UInt8]> = []
    for state in try scenario.states(from: nil, script: scenario.script) {
      guard try scenario.needsRepair(state), repaired.insert(state).inserted else { continue }
      for (step, next) in try scenario.states(from: state, script: "").enumerated() {
        let problem = try scenario.verify(next)
        #expect(problem == nil, "state \(step) of the repair")
      }
    }
  }
}

extension CrashTests.Scenario {
  /// The memory that outlives processes, with the driver as it is before the victim starts.
  final class World {
    let memory: DriverMemory
    let driver: RingDriver
    let log: FileDescriptor
    let setting: CrashSetting
    let guest: GuestMemory
    let area: InflightArea
    let logBase: UnsafeMutableRawPointer
    /// Bytes of each chain that the driver has not got back, in the order of adding; of each by name.
    var offered: [Int] = []
    var bytes: [UInt16: Int] = [:]
    var added = 0
    /// Guest memory that holds ring and tables.
    let ringBytes: Int

    init(_ setting: CrashSetting) throws {
      self.setting = setting
      memory = try DriverMemory(size: CrashSetting.memorySize)
      driver = try #require(setting.driver(memory))
      ringBytes = try #require(memory.allocate(0))
      log = try InflightArea.create(queues: 1, queueSize: setting.entries, packed: setting.isPacked)
      guest = try memory.mapped()
      area = try InflightArea(
        descriptor: log.raw, offset: 0, size: UInt64(setting.logSize), queues: 1, queueSize: setting.entries,
        sealed: true)
      logBase = try #require(area.region(0, packed: setting.isPacked))
    }

    /// Ring and tables, and the log.
    var ranges: [StoreRecorder.Range] {
      get throws {
        let ring = try #require(guest.segment(guestAddress: memory.guestAddress, count: ringBytes))
        return [.init(ring.base, bytes: ringBytes), .init(logBase, bytes: setting.logSize)]
      }
    }

    func add() {
      // Of one to three descriptors; each chain has another number of bytes.
      let (index, start) = (added, memory.address(32 << 10))
      added += 1
      let pieces = min(index % 3 + 1, Int(setting.size))
      let length = 16 + index
      let buffers = (0..<pieces).map {
        DriverBuffer(address: start, length: UInt32($0 == 0 ? length : 0), isWritable: false)
      }
      guard let id = driver.add(buffers, indirect: index % 4 == 3) else { return }
      offered.append(length)
      bytes[id] = length
    }

    func collect() {
      while let used = driver.collect() { offered.removeAll { $0 == bytes[used.id] } }
    }

    func successor() throws -> Virtqueue { try setting.ring(driver, guest, area) }
  }

  /// Driver and first incarnation up to where the successor starts; the same every time.
  func prepare() throws -> World {
    let world = try World(setting)
    var ring = try world.successor()
    var held: [ChainToken] = []
    for step in before {
      switch step {
      case "a": world.add()
      case "c": world.collect()
      default: try CrashSetting.play(String(step), &ring, &held)
      }
    }
    return world
  }

  /// Every state of memory that the successor goes through, the first one and the last one included.
  func states(from start: [UInt8]?, script: String) throws -> [[UInt8]] {
    let world = try prepare()
    let ranges = try world.ranges
    if let start { StoreRecorder.restore(start, ranges) }
    return try #require(try StoreRecorder.record(ranges, capacity: 4096) { try play(script, world) })
  }

  private func play(_ script: String, _ world: World) throws {
    var ring = try world.successor()
    var held: [ChainToken] = []
    try CrashSetting.play(script, &ring, &held)
  }

  /// Whether a successor changes a log that it finds like this.
  func needsRepair(_ state: [UInt8]) throws -> Bool {
    let world = try prepare()
    let ranges = try world.ranges
    StoreRecorder.restore(state, ranges)
    _ = try world.successor()
    return ranges.flatMap(\.content) != state
  }

  /// What a successor of a process that left this state does wrong; nil if nothing.
  func verify(_ state: [UInt8]) throws -> String? {
    let world = try prepare()
    StoreRecorder.restore(state, try world.ranges)
    world.collect()
    var ring = try world.successor()
    var chain = DescriptorChain(capacity: 16)
    var popped: [(token: ChainToken, bytes: Int)] = []
    while try ring.pop(into: &chain) { popped.append((chain.token, chain.readableBytes)) }
    if popped.map(\.bytes) != world.offered { return "popped \(popped.map(\.bytes)) instead of \(world.offered)" }
    for chain in popped.reversed() {
      ring.push(chain.token, written: 1)
      let expected = world.offered.filter { $0 != chain.bytes }
      world.collect()
      if world.offered != expected { return "\(world.offered) left instead of \(expected)" }
    }
    if !world.offered.isEmpty { return "\(world.offered) never came back" }
    return try goOn(world, &ring)
  }

  /// The ring still works, several times round.
  private func goOn(_ world: World, _ ring: inout Virtqueue) throws -> String? {
    var chain = DescriptorChain(capacity: 16)
    for round in 0..<3 * Int(setting.size) {
      world.add()
      guard try ring.pop(into: &chain), [chain.readableBytes] == world.offered else {
        return "round \(round) gives nothing"
      }
      ring.push(chain.token, written: 1)
      world.collect()
      guard world.offered.isEmpty else { return "round \(round) does not come back" }
    }
    return nil
  }
}
