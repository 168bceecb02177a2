/// What came of one check.
public enum Verdict: Sendable {
  /// As expected.
  case ok
  case differs
  /// This host has not got what would be checked; `seen` says why.
  case notHere
  /// Nothing was expected: for the reader to know.
  case told

  /// As it is printed.
  public var text: String {
    switch self {
    case .ok: "ok"
    case .differs: "DIFFERS"
    case .notHere: "not here"
    case .told: "-"
    }
  }
}

/// One line of the table.
public struct Finding: Sendable {
  /// The part of the table that it belongs to.
  public let section: String
  /// What was looked at.
  public let check: String
  /// What is right, "-" if the check only tells.
  public let expected: String
  /// What is so here.
  public let seen: String
  /// What that makes of it.
  public let verdict: Verdict
}

/// What was expected of the host's KVM and what was seen, in the order of the checks.
public final class Report {
  /// The lines of the table.
  public private(set) var findings: [Finding] = []
  private var section = ""

  /// One without findings.
  public init() {}

  /// Begins a part of the table.
  func begin(_ section: String) { self.section = section }

  /// Notes what was seen where one thing was expected.
  func expect(_ check: String, _ expected: String, seen: String) {
    add(check, expected, seen, isSame(expected, seen) ? .ok : .differs)
  }

  /// Notes what was seen where more than one thing is right, which `expected` says in words.
  func expect(_ check: String, _ expected: String, seen: String, isRight: Bool) {
    add(check, expected, seen, isRight ? .ok : .differs)
  }

  /// Notes what the reader should know.
  func tell(_ check: String, _ seen: String) { add(check, "-", seen, .told) }

  /// Notes what could not be checked, and why.
  func skip(_ check: String, _ expected: String, because reason: String) { add(check, expected, reason, .notHere) }

  private func add(_ check: String, _ expected: String, _ seen: String, _ verdict: Verdict) {
    findings.append(Finding(section: section, check: check, expected: expected, seen: seen, verdict: verdict))
  }

  /// How many checks came to `verdict`.
  public func count(_ verdict: Verdict) -> Int {
    var count = 0
    for finding in findings where finding.verdict == verdict { count += 1 }
    return count
  }
}

/// Whether two texts are the same bytes: Embedded Swift does not compare strings.
func isSame(_ one: String, _ other: String) -> Bool {
  guard one.utf8.count == other.utf8.count else { return false }
  for (a, b) in zip(one.utf8, other.utf8) where a != b { return false }
  return true
}
