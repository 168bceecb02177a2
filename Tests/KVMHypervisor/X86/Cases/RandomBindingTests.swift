import Hypervisor
import KVMHypervisor
import System
import Testing
import X86Guest

// Random orders of binding and unbinding, each step compared with what a table of a few lines says that must happen. The first
// difference ends a test: the steps after it would only repeat it.

/// A small generator, so that a failing run can be repeated.
private struct Random: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed &* 2 &+ 1 }
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_f491_4f6c_dd1d
  }
}

private final class Eventfd {
  let counter: EventCounter
  init() throws { counter = try EventCounter() }
  var raw: Int32 { counter.descriptor.raw }
}

// MARK: doorbells

/// Close enough to each other that wide stores reach over the next one.
private let addresses: [UInt32] = [0xc000_1000, 0xc000_1002, 0xc000_1004]
private let sizes = [1, 2, 4]
private let values: [UInt32] = [1, 2]

private struct Doorbell: Equatable {
  var eventfd: Int
  var address: UInt32
  var length: UInt32
  var match: UInt64?

  func takes(_ address: UInt32, _ size: Int, _ value: UInt32) -> Bool {
    self.address == address && (length == 0 || Int(length) == size) && (match == nil || match == UInt64(value))
  }

  /// Whether there is a store that both would take, or the kernel would mix them up.
  func meets(_ other: Doorbell) -> Bool {
    guard address == other.address else {
      let (low, high) = address < other.address ? (self, other) : (other, self)
      return high.address < low.address + low.length + (high.length == 0 && low.length > 0 ? 1 : 0)
    }
    guard length != 0, other.length != 0 else { return true }
    return length == other.length && (match == nil || other.match == nil || match == other.match)
  }

  init(_ random: inout Random) {
    let lengths: [UInt32] = [0, 1, 2, 4, 8]
    eventfd = Int.random(in: 0..<3, using: &random)
    address = addresses[Int.random(in: 0..<3, using: &random)]
    length = lengths[Int.random(in: 0..<5, using: &random)]
    let value = UInt64.random(in: 0...2, using: &random)
    match = length == 0 || value == 0 ? nil : value
  }
}

/// One store of each size and value to each address.
private func guestThatStoresEverywhere() throws -> X86Machine {
  let guest = try X86Machine()
  var code = X86Code(at: X86Machine.codeAddress)
  for address in addresses {
    for size in sizes { for value in values { code.store(value, size: size, to: address) } }
  }
  code.store(0, size: 1, to: X86Machine.end)
  try guest.begin(code)
  return guest
}

@Suite(.needsKVM) struct RandomBindingTests {
  @Test(arguments: 1...6)
  func doorbellsBoundAndUnboundInAnyOrderTakeTheStoresThatTheTableSays(seed: UInt64) throws {
    let guest = try guestThatStoresEverywhere()
    let eventfds = try (0..<3).map { _ in try Eventfd() }
    var random = Random(seed: seed)
    var table: [Doorbell] = []

    for step in 0..<60 {
      let chosen = Doorbell(&random)
      if Int.random(in: 0..<3, using: &random) > 0 {
        let isRefused = table.contains { $0.meets(chosen) }
        var wasRefused = false
        do throws(HypervisorError) {
          try guest.machine.bindDoorbell(
            eventfds[chosen.eventfd].raw, address: UInt64(chosen.address), length: chosen.length, match: chosen.match)
        } catch { wasRefused = true }
        try #require(wasRefused == isRefused, "seed \(seed), step \(step), \(chosen)")
        if !wasRefused { table.append(chosen) }
      } else {
        guest.machine.unbindDoorbell(eventfds[chosen.eventfd].raw, address: UInt64(chosen.address))
        table.removeAll { $0.eventfd == chosen.eventfd && $0.address == chosen.address }
      }

      let (events, counts) = expectation(table)
      try guest.begin(at: X86Machine.codeAddress)
      let seen = try guest.runToEnd()
      try #require(seen == events, "seed \(seed), step \(step)")
      try #require(eventfds.map { $0.counter.drain() } == counts, "seed \(seed), step \(step)")
    }
  }

  private func expectation(_ table: [Doorbell]) -> ([GuestEvent], [Int]) {
    var events: [GuestEvent] = []
    var counts = [0, 0, 0]
    for address in addresses {
      for size in sizes {
        for value in values {
          if let taken = table.first(where: { $0.takes(address, size, value) }) {
            counts[taken.eventfd] += 1
          } else {
            events.append(.write(UInt64(address), size: UInt8(size), UInt64(value)))
          }
        }
      }
    }
    return (events, counts)
  }

  // MARK: interrupts

  private static let (firstGSI, firstVector, interrupts): (UInt32, UInt8, Int) = (40, 0x41, 3)
  /// Of lower priority: it comes last.
  private static let lastVector: UInt8 = 0x31

  /// Handlers that count at 0x3000 and on, the last one's behind the others; a loop that sleeps and comes out.
  private func guestThatCounts() throws -> X86Machine {
    let guest = try X86Machine()
    for index in 0...Self.interrupts {
      var handler = X86Code(at: X86Machine.handlerAddress + 0x100 * UInt32(index))
      handler.increment(0x3000 + 4 * UInt32(index))
      handler.endInterrupt()
      handler.returnFromInterrupt()
      guest.load(handler, handles: index < Self.interrupts ? Self.firstVector + UInt8(index) : Self.lastVector)
    }
    var code = X86Code(at: X86Machine.codeAddress)
    code.enableLocalAPIC()
    let again = code.here
    code.store(0, size: 1, to: X86Machine.end)
    code.enableInterrupts()
    code.halt()
    code.disableInterrupts()
    code.jump(to: again)
    try guest.begin(code)
    try guest.machine.setRoutes(
      (0..<Self.interrupts).map {
        .message(
          gsi: Self.firstGSI + UInt32($0), address: 0xfee0_0000, data: UInt32(Self.firstVector) + UInt32($0))
      })
    #expect(try guest.runToEnd() == [])
    return guest
  }

  private func counts(_ guest: X86Machine) -> [UInt32] {
    (0..<Self.interrupts).map { guest.word(0x3000 + 4 * UInt32($0)) }
  }

  /// Lets the guest take interrupts until it has those that are expected, and then whatever else there is.
  private func settle(_ guest: X86Machine, expected: [UInt32]) throws {
    for _ in 0..<5 where counts(guest) != expected { #expect(try guest.runToEnd() == []) }
    let last = 0x3000 + 4 * UInt32(Self.interrupts)
    let before = guest.word(last)
    try guest.machine.signal(address: 0xfee0_0000, data: UInt32(Self.lastVector))
    for _ in 0..<5 where guest.word(last) == before { #expect(try guest.runToEnd() == []) }
  }

  @Test(arguments: 1...6)
  func eventfdsBoundSignalledAndUnboundInAnyOrderInterruptAsTheTableSays(seed: UInt64) throws {
    let guest = try guestThatCounts()
    let eventfds = try (0..<4).map { _ in try Eventfd() }
    var random = Random(seed: seed)
    /// What each raises, and whether it was signalled while it raised nothing.
    var bound = [Int?](repeating: nil, count: 4)
    var isOwed = [Bool](repeating: false, count: 4)
    var expected = counts(guest)

    for step in 0..<80 {
      let (chosen, interrupt) = (Int.random(in: 0..<4, using: &random), Int.random(in: 0..<3, using: &random))
      let gsi = Self.firstGSI + UInt32(interrupt)
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        var wasRefused = false
        do throws(HypervisorError) { try guest.machine.bind(eventfds[chosen].raw, gsi: gsi) } catch {
          wasRefused = true
        }
        try #require(wasRefused == (bound[chosen] != nil), "seed \(seed), step \(step)")
        guard !wasRefused else { break }
        bound[chosen] = interrupt
        if isOwed[chosen] { expected[interrupt] += 1 }
        isOwed[chosen] = false
      case 1:
        // Of another number than it is bound to: nothing.
        guest.machine.unbind(eventfds[chosen].raw, gsi: gsi)
        if bound[chosen] == interrupt { (bound[chosen], isOwed[chosen]) = (nil, false) }
      default:
        eventfds[chosen].counter.signal()
        if let raised = bound[chosen] { expected[raised] += 1 } else { isOwed[chosen] = true }
      }
      try settle(guest, expected: expected)
      try #require(counts(guest) == expected, "seed \(seed), step \(step)")
    }
  }
}
