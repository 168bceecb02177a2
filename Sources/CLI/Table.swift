import Foundation

/// Lines up columns for people.
struct Table {
  private let alignRight: Set<Int>
  private var rows: [[String]]

  /// A table with a heading; `alignRight` names the columns that hold numbers.
  init(_ heading: [String], alignRight: Set<Int> = []) {
    rows = [heading]
    self.alignRight = alignRight
  }

  /// Adds a row with as many cells as the heading.
  mutating func add(_ row: [String]) { rows.append(row) }

  /// The lines, two spaces between columns.
  var text: String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let lines = rows.map { row in
      row.indices.map { pad(row[$0], widths[$0], right: alignRight.contains($0)) }.joined(separator: "  ")
    }
    return lines.map { String($0.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
  }

  private func pad(_ cell: String, _ width: Int, right: Bool) -> String {
    let space = String(repeating: " ", count: max(0, width - cell.count))
    return right ? space + cell : cell + space
  }
}

/// Times for people.
enum TimeText {
  /// Nanoseconds since 1970 as the local time of day with milliseconds.
  static func clock(_ nanoseconds: Int64) -> String {
    var seconds = time_t(nanoseconds / 1_000_000_000)
    var parts = tm()
    localtime_r(&seconds, &parts)
    let milliseconds = Int(nanoseconds / 1_000_000 % 1000)
    return String(format: "%02d:%02d:%02d.%03d", Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec), milliseconds)
  }
}
