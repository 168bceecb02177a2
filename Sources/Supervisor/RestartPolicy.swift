/// When a process that died is started again, and when it is given up. A value: the clock is the caller's.
struct RestartPolicy {
  /// Deaths within `window` at which a process is given up.
  static let limit = 5
  /// Nanoseconds after which a death is forgotten.
  static let window: Int64 = 10_000_000_000
  /// Nanoseconds before the second restart; doubled for each further one.
  static let firstDelay: Int64 = 10_000_000

  /// What to do about a death.
  enum Decision: Equatable {
    /// Start it again at this monotonic time.
    case restart(at: Int64)
    /// It will not live.
    case giveUp
  }

  private var deaths: [Int64] = []

  /// The process died at the monotonic time `now`. The first restart comes at once, so that one crash costs little.
  mutating func died(at now: Int64) -> Decision {
    deaths.removeAll { now - $0 >= RestartPolicy.window }
    deaths.append(now)
    guard deaths.count < RestartPolicy.limit else { return .giveUp }
    guard deaths.count > 1 else { return .restart(at: now) }
    return .restart(at: now + RestartPolicy.firstDelay << Int64(deaths.count - 2))
  }
}
