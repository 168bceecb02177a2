import System

/// Sentences for the log about one function. A guest or a back-end that does something wrong all the time is heard some times,
/// and then at every power of two.
struct Complaints {
  private var counts = [UInt64](repeating: 0, count: 32)
  private static let outspoken: UInt64 = 16

  /// Writes `sentence` about the function in `slot`, unless there were too many.
  mutating func say(_ slot: Int, _ sentence: @autoclosure () -> String) {
    guard slot >= 0, slot < counts.count else { return }
    counts[slot] &+= 1
    let count = counts[slot]
    guard count <= Self.outspoken || count & (count - 1) == 0 else { return }
    Log.line("atoll-pcie: function \(slot): \(sentence())" + (count > Self.outspoken ? " (complaint \(count))" : ""))
  }
}
