import Testing
import Virtqueue
import VirtqueueDriver

@Suite("Notifications")
struct NotificationTests {
  static let features: [UInt64] = [
    RingFeature.packed, RingFeature.packed | RingFeature.eventIndex,
  ]

  @Test("a driver that asked is signalled once for a batch", arguments: Layout.allCases, features)
  func signal(layout: Layout, features: UInt64) throws {
    let bench = try Bench(packed: layout.isPacked, features: features)
    let pending = bench.driver.enableSignals()
    #expect(!pending)
    try serve(bench, 3)
    #expect(signals(bench))
    #expect(!signals(bench))
  }

  @Test("a driver that does not want to hear is not signalled", arguments: Layout.allCases, features)
  func silence(layout: Layout, features: UInt64) throws {
    let bench = try Bench(packed: layout.isPacked, features: features)
    _ = bench.driver.enableSignals()
    try serve(bench, 1)
    #expect(signals(bench))
    bench.driver.disableSignals()
    _ = bench.driver.collect()
    try serve(bench, 2)
    // A split ring's event index has no word for "never": used_event stays behind.
    #expect(!signals(bench))
  }

  @Test(
    "with the event index a signal comes when the place is passed, through wrap-arounds", arguments: Layout.allCases)
  func eventIndex(layout: Layout) throws {
    let bench = try Bench(size: 4, packed: layout.isPacked, features: NotificationTests.features[1], first: 0xff00)
    for round in 0..<2000 {
      if round % 3 == 0 { _ = bench.driver.enableSignals() }
      try serve(bench, 1)
      let expected = round % 3 == 0
      let signalled = signals(bench)
      if signalled != expected { Issue.record("round \(round): \(signalled)") }
      _ = bench.driver.collect()
    }
  }

  @Test("a device that sleeps is kicked, one that is awake is not", arguments: Layout.allCases, features)
  func kicks(layout: Layout, features: UInt64) throws {
    let bench = try Bench(size: 4, packed: layout.isPacked, features: features, first: 0xff00)
    let buffer = try bench.buffer(8)
    for round in 0..<1000 {
      let more = bench.device.enableKicks()
      #expect(!more)
      _ = bench.driver.add([buffer])
      let kicked = bench.driver.shouldKick()
      if !kicked { Issue.record("round \(round): no kick") }
      bench.device.disableKicks()
      _ = bench.driver.add([buffer])
      let kickedAgain = bench.driver.shouldKick()
      if kickedAgain { Issue.record("round \(round): kicked while awake") }
      while let token = try bench.pop() { bench.device.push(token, written: 0) }
      while bench.driver.collect() != nil {}
    }
  }

  @Test("a chain that came before the wish for a kick is reported", arguments: Layout.allCases, features)
  func race(layout: Layout, features: UInt64) throws {
    let bench = try Bench(packed: layout.isPacked, features: features)
    _ = bench.driver.add([try bench.buffer(8)])
    let more = bench.device.enableKicks()
    #expect(more)
  }

  private func serve(_ bench: Bench, _ count: Int) throws {
    let buffer = DriverBuffer(address: bench.memory.address(0), length: 8, isWritable: false)
    for _ in 0..<count {
      _ = bench.driver.add([buffer])
      bench.device.push(try #require(try bench.pop()), written: 0)
    }
  }

  private func signals(_ bench: Bench) -> Bool { bench.device.shouldSignal() }
}
