import Control

/// The last lines that a process wrote to its log pipe. What a process writes is untrusted: lines are cut at 1000 bytes and
/// what is not printable ASCII becomes a dot, so that no log can drive a person's terminal.
struct LogRing {
  /// Bytes of text that are kept.
  static let capacity = 64 << 10
  static let longestLine = 1000

  /// One line and when it came, in nanoseconds since 1970.
  struct Line {
    var time: Int64
    var text: String
  }

  private(set) var lines: [Line] = []
  private var bytes = 0
  private var partial: [UInt8] = []

  /// Takes what was read from the pipe; returns the lines that it completed.
  mutating func append(_ chunk: ArraySlice<UInt8>, at time: Int64) -> [Line] {
    var completed: [Line] = []
    for byte in chunk {
      if byte != 0x0a { partial.append(byte >= 0x20 && byte < 0x7f ? byte : 0x2e) }
      if byte == 0x0a || partial.count == LogRing.longestLine { completed += finish(at: time) }
    }
    return completed
  }

  /// Ends an unfinished line, as when the process is gone.
  mutating func finish(at time: Int64) -> [Line] {
    guard !partial.isEmpty else { return [] }
    let line = Line(time: time, text: String(decoding: partial, as: UTF8.self))
    partial.removeAll(keepingCapacity: true)
    keep(line)
    return [line]
  }

  /// Adds a line of the supervisor's own.
  mutating func add(_ text: String, at time: Int64) -> Line {
    let line = Line(time: time, text: text)
    keep(line)
    return line
  }

  private mutating func keep(_ line: Line) {
    lines.append(line)
    bytes += line.text.utf8.count + 16
    guard bytes > LogRing.capacity else { return }
    // An eighth at a time, so that moving the rest is rare.
    var drop = 0
    while bytes > LogRing.capacity / 8 * 7, drop < lines.count {
      bytes -= lines[drop].text.utf8.count + 16
      drop += 1
    }
    lines.removeFirst(drop)
  }
}
