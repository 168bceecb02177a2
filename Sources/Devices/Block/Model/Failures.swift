// What goes wrong is counted, and told in the log at the 1st, 2nd, 4th, 8th … time: a guest that sends a million bad
// requests gets twenty lines, and no clock is needed to ration them.

/// What a failed operation of the disk was about.
public enum DiskOperation: UInt8, Sendable, CaseIterable {
  case read, write, flush, discard, writeZeroes

  /// Its name in log lines.
  public var name: String {
    switch self {
    case .read: "read"
    case .write: "write"
    case .flush: "flush"
    case .discard: "discard"
    case .writeZeroes: "write of zeroes"
    }
  }
}

/// Counts of refused requests and of failed operations.
public struct FailureCounts: Sendable {
  private var refusals = InlineArray<16, UInt64>(repeating: 0)
  private var failures = InlineArray<8, UInt64>(repeating: 0)
  /// Requests refused for the driver's fault.
  public private(set) var refused: UInt64 = 0
  /// Requests that the disk failed.
  public private(set) var failed: UInt64 = 0

  /// Nothing has gone wrong yet.
  public init() {}

  /// Counts a refusal; how many of its kind there were if this one is to be told.
  public mutating func count(_ refusal: BlockRefusal) -> UInt64? {
    refused &+= 1
    let kind = Int(refusal.rawValue)
    refusals[kind] &+= 1
    return Self.told(refusals[kind])
  }

  /// Counts a failure of the disk, in the same way.
  public mutating func count(_ operation: DiskOperation) -> UInt64? {
    failed &+= 1
    let kind = Int(operation.rawValue)
    failures[kind] &+= 1
    return Self.told(failures[kind])
  }

  private static func told(_ count: UInt64) -> UInt64? { count & (count &- 1) == 0 ? count : nil }
}
