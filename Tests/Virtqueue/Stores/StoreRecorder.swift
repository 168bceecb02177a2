import CStores
import System

/// Records what memory that outlives a process looks like after each of the process's stores to it.
public enum StoreRecorder {
  /// Handlers of signals are the process's, and test suites run beside one another in one process.
  private static let turn = Lock()

  /// Whether this machine can.
  public static var isSupported: Bool { stores_supported() == 1 }

  /// Memory to watch: starts with a page, which nothing else lives in to its last page's end.
  public struct Range {
    var base: UnsafeMutableRawPointer
    var bytes: Int

    /// `bytes` bytes at `base`.
    public init(_ base: UnsafeMutableRawPointer, bytes: Int) { (self.base, self.bytes) = (base, bytes) }

    /// What is in it.
    public var content: [UInt8] {
      get { Array(UnsafeRawBufferPointer(start: base, count: bytes)) }
      nonmutating set {
        newValue.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: base, count: bytes).copyMemory(from: $0) }
      }
    }
  }

  /// Runs `body`; the content of all ranges, one after the other, before and after each store. Nil if there were more than
  /// `capacity` stores, or the machine cannot.
  public static func record(_ ranges: [Range], capacity: Int, _ body: () throws -> Void) throws -> [[UInt8]]? {
    let first = ranges.flatMap(\.content)
    var copies = [UInt8](repeating: 0, count: capacity * first.count)
    var bases: [UnsafeMutableRawPointer?] = ranges.map(\.base)
    var bytes = ranges.map { UInt($0.bytes) }
    turn.lock()
    defer { turn.unlock() }
    let count = try copies.withUnsafeMutableBufferPointer { out in
      guard stores_begin(&bases, &bytes, Int32(ranges.count), out.baseAddress, UInt(capacity)) == 0 else { return -1 }
      defer { _ = stores_end() }
      try body()
      return Int(stores_end())
    }
    guard count >= 0, count <= capacity else { return nil }
    return [first] + (0..<count).map { Array(copies[$0 * first.count..<($0 + 1) * first.count]) }
  }

  /// Puts back what `record` returned.
  public static func restore(_ state: [UInt8], _ ranges: [Range]) {
    var start = 0
    for range in ranges {
      range.content = Array(state[start..<start + range.bytes])
      start += range.bytes
    }
  }
}
