import Hypervisor
import Synchronization
import System
import Testing

@testable import SoftHypervisor

/// A guest that is moved to another hypervisor on its way ends as one that is not: to the instruction.
@Suite struct StateRunTests {
  /// What `StateGuest` comes to without a move.
  private static let uninterrupted = Result {
    let guest = try StateGuest()
    try guest.bind()
    while true {
      let request = try guest.step()
      if request == .end { break }
      try guest.serve(request)
    }
    #expect(guest.requests.count > 50)
    // Interrupts from all sources were taken.
    for index in 1...3 { #expect(guest.logged(index) > 15) }
    return (requests: guest.requests, outcome: try guest.outcome())
  }

  private func expectSame(_ guest: StateGuest) throws {
    let expected = try Self.uninterrupted.get()
    #expect(guest.requests == expected.requests)
    let outcome = try guest.outcome()
    let differing = outcome.indices.first { outcome[$0] != expected.outcome[$0] }
    #expect(differing == nil)
  }

  @Test func guestRunTwice_endsTheSame() throws {
    let guest = try StateGuest()
    try guest.bind()
    while true {
      let request = try guest.step()
      if request == .end { break }
      try guest.serve(request)
    }
    try expectSame(guest)
  }

  /// Moved at one request: where a timer runs, an IPI or an MSI is pending, or (`servedBefore`) a pulse has just been
  /// signalled or CPU 1 has run.
  @Test(arguments: Array(0..<14) + [40], [false, true])
  func movedAtARequest_endsTheSame(point: Int, servedBefore: Bool) throws {
    let guest = try StateGuest()
    try guest.bind()
    while true {
      let request = try guest.step()
      if request == .end { break }
      let here = guest.requests.count - 1 == point
      if here, !servedBefore { try guest.move() }
      try guest.serve(request)
      if here, servedBefore { try guest.move() }
    }
    try expectSame(guest)
  }

  @Test func movedAtEveryRequest_endsTheSame() throws {
    let guest = try StateGuest()
    try guest.bind()
    while true {
      let request = try guest.step()
      if request == .end { break }
      try guest.serve(request)
      try guest.move()
    }
    try expectSame(guest)
  }

  /// Moved wherever a kick finds it: in the middle of computing, of a handler, asleep.
  @Test(arguments: 0..<4 as Range<UInt64>)
  func movedAtRandomMoments_endsTheSame(seed: UInt64) throws {
    let guest = try StateGuest()
    try guest.bind()
    let kicker = try RandomKicker(seed: seed)
    defer { kicker.end() }
    var moves = 0
    func moveNow() throws {
      moves += 1
      try guest.move()
      kicker.aim(at: guest.vcpus)
    }
    kicker.aim(at: guest.vcpus)
    while true {
      let request = try guest.step(interrupted: moveNow)
      if request == .end { break }
      try guest.serve(request, interrupted: moveNow)
    }
    #expect(moves > 0)
    try expectSame(guest)
  }
}

/// Kicks vCPUs at random moments, 10 to 150 microseconds apart.
private final class RandomKicker: Sendable {
  /// `kick` may be called from any thread.
  private struct Target: @unchecked Sendable {
    let vcpu: SoftVCPU
  }

  private let targets = Mutex([Target]())
  private let ended = Atomic<Bool>(false)

  init(seed: UInt64) throws {
    try Thread.start {
      var random = SplitMix64(state: seed)
      while !self.ended.load(ordering: .acquiring) {
        _ = try? Poll.wait([], nanoseconds: 10_000 + Int64(random.next() % 140_000))
        self.targets.withLock { for target in $0 { target.vcpu.kick() } }
      }
    }
  }

  func aim(at vcpus: [SoftVCPU]) {
    let new = vcpus.map { Target(vcpu: $0) }
    targets.withLock { $0 = new }
  }

  func end() { ended.store(true, ordering: .releasing) }
}
