import Testing

@testable import atoll_supervisor

struct LogRingTests {
  private func append(_ ring: inout LogRing, _ text: String) -> [String] {
    ring.append(Array(text.utf8)[...], at: 1).map(\.text)
  }

  @Test func linesAreCompletedAcrossReads() {
    var ring = LogRing()
    #expect(append(&ring, "one\ntw") == ["one"])
    #expect(append(&ring, "o\n\n") == ["two"])
    #expect(append(&ring, "rest").isEmpty && ring.finish(at: 2).map(\.text) == ["rest"])
  }

  @Test func whatIsNotPrintableBecomesADot() {
    var ring = LogRing()
    #expect(append(&ring, "a\u{1b}[2J\r\u{7f}é\n") == ["a.[2J...."])
  }

  @Test func endlessLineIsCut() {
    var ring = LogRing()
    let lines = append(&ring, String(repeating: "x", count: 2500))
    #expect(lines.map(\.utf8.count) == [1000, 1000])
  }

  @Test func floodKeepsTheNewestAndTheLimit() {
    var ring = LogRing()
    for index in 0..<20_000 { _ = append(&ring, "line \(index)\n") }
    #expect(ring.lines.last?.text == "line 19999")
    #expect(ring.lines.map(\.text.utf8.count).reduce(0, +) <= LogRing.capacity)
    #expect(ring.lines.count > 1000)
  }
}
