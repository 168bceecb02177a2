import System

/// Keeps a guest or a front-end from filling the log: a burst of lines, then one line a second.
struct LogLimit {
  private let burst: Int
  private var credit: Int
  private var refilled: Int64 = 0
  private(set) var dropped = 0

  /// A limit of `burst` lines at once.
  init(burst: Int = 20) { (self.burst, credit) = (burst, burst) }

  /// Writes `text`, or counts it.
  mutating func line(_ text: String, now: Int64) {
    let seconds = (now &- refilled) / 1_000_000_000
    if seconds > 0 {
      credit = min(burst, credit + Int(min(seconds, 20)))
      refilled = now
    }
    guard credit > 0 else {
      dropped += 1
      return
    }
    credit -= 1
    if dropped > 0 { Log.line("\(text) (\(dropped) lines before this one were dropped)") } else { Log.line(text) }
    dropped = 0
  }
}
