import Testing

@testable import atoll_supervisor

struct RestartPolicyTests {
  private static let millisecond: Int64 = 1_000_000
  private static let second: Int64 = 1_000_000_000

  @Test func firstDeathIsFollowedByARestartAtOnce() {
    var policy = RestartPolicy()
    #expect(policy.died(at: 77) == .restart(at: 77))
  }

  @Test func deathsInARowAreSpacedOutAndThenGivenUp() {
    var policy = RestartPolicy()
    var now: Int64 = 0
    var delays: [Int64] = []
    while case .restart(let at) = policy.died(at: now) {
      delays.append((at - now) / RestartPolicyTests.millisecond)
      now = at + 1
    }
    #expect(delays == [0, 10, 20, 40])
  }

  @Test func deathsThatAreFarApartAreEachTheFirst() {
    var policy = RestartPolicy()
    for index in 0..<100 {
      let now = Int64(index) * 10 * RestartPolicyTests.second
      #expect(policy.died(at: now) == .restart(at: now))
    }
  }

  @Test func fourDeathsInTheWindowAreForgiven() {
    var policy = RestartPolicy()
    for index in 0..<4 { #expect(policy.died(at: Int64(index) * RestartPolicyTests.second) != .giveUp) }
    #expect(policy.died(at: 13 * RestartPolicyTests.second) == .restart(at: 13 * RestartPolicyTests.second))
  }

  @Test func fifthDeathInTheWindowIsTheLast() {
    var policy = RestartPolicy()
    for index in 0..<4 { _ = policy.died(at: Int64(index) * 2 * RestartPolicyTests.second) }
    #expect(policy.died(at: 9 * RestartPolicyTests.second) == .giveUp)
  }
}
