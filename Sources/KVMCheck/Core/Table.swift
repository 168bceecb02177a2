extension Report {
  /// The table as plain ASCII, its lines ended by newlines: check, expected, seen, verdict.
  public var table: String {
    var widths = Columns(check: 5, expected: 8, seen: 4)
    for finding in findings {
      widths.check = max(widths.check, finding.check.utf8.count)
      widths.expected = max(widths.expected, finding.expected.utf8.count)
      widths.seen = max(widths.seen, finding.seen.utf8.count)
    }
    var text = widths.line("check", "expected", "seen", "verdict")
    var section = ""
    for finding in findings {
      if !isSame(section, finding.section) {
        section = finding.section
        text += "\n" + section + "\n"
      }
      text += widths.line(finding.check, finding.expected, finding.seen, finding.verdict.text)
    }
    return text
  }

  /// One sentence with the counts.
  public var summary: String {
    "\(count(.ok)) as expected, \(count(.differs)) different, \(count(.notHere)) not here, \(count(.told)) for the record."
  }

  /// What the program ends with: 0 if nothing differs, else 1.
  public var exitStatus: Int32 { count(.differs) == 0 ? 0 : 1 }
}

/// Widths of the columns, in bytes.
private struct Columns {
  var check: Int
  var expected: Int
  var seen: Int

  func line(_ check: String, _ expected: String, _ seen: String, _ verdict: String) -> String {
    "  " + pad(check, self.check) + "  " + pad(expected, self.expected) + "  " + pad(seen, self.seen) + "  " + verdict
      + "\n"
  }

  private func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }
}
