import Foundation

/// One line of the table.
struct Row {
  let figure: String
  let atoll: String
  var qemu = "–"
  var bar = "–"
  /// nil: there is no bar.
  var isMet: Bool?
}

/// What a measurement found, and in one sentence how.
struct Section {
  var rows: [Row] = []
  var method: String
}

/// Numbers as the table shows them.
enum Show {
  static func seconds(_ value: Double) -> String { String(format: "%.2f s", value) }
  static func milliseconds(_ value: Double) -> String { String(format: "%.1f ms", value) }
  static func microseconds(_ nanoseconds: Double) -> String { String(format: "%.2f µs", nanoseconds / 1000) }
  static func percent(_ share: Double) -> String { String(format: "%.2f %%", share * 100) }
  static func mebibytes(_ bytes: Int) -> String { String(format: "%.1f MB", Double(bytes) / 1e6) }
  static func kilobytes(_ bytes: Int) -> String { "\((bytes + 500) / 1000) KB" }
  static func mips(_ instructions: UInt64, _ seconds: Double) -> String {
    String(format: "%.0f", Double(instructions) / seconds / 1e6)
  }
}

/// The middle of values; NaN of none.
func median(_ values: [Double]) -> Double {
  guard !values.isEmpty else { return .nan }
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// The table and what stands below it.
struct Report {
  private var rows: [Row] = []
  private var notes: [String] = []

  mutating func add(_ section: Section) {
    rows += section.rows
    notes.append(section.method)
  }

  mutating func add(note: String) { notes.append(note) }

  /// True if no row misses its bar.
  var isMet: Bool { rows.allSatisfy { $0.isMet ?? true } }

  var text: String {
    let head = ["figure", "Atoll", "QEMU", "bar", "ok?"]
    let cells = rows.map { [$0.figure, $0.atoll, $0.qemu, $0.bar, $0.isMet.map { $0 ? "yes" : "NO" } ?? ""] }
    let widths = head.indices.map { column in ([head] + cells).map { $0[column].count }.max() ?? 0 }
    func line(_ row: [String]) -> String {
      let padded = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
      return "| " + padded.joined(separator: " | ") + " |"
    }
    let rule = "|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|"
    return ([line(head), rule] + cells.map(line) + [""] + notes.map { "* \($0)" }).joined(separator: "\n")
  }
}
