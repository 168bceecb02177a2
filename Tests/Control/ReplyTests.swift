import Testing

@testable import Control

struct ReplyTests {
  private func roundTrip(_ reply: Reply) -> Reply? { Reply.parse(Array(reply.json.dropLast())) }

  @Test func statusSurvivesWritingAndReading() {
    var process = ProcessStatus()
    (process.name, process.pid, process.sandbox, process.state) = ("serial", 7, "serial", "running")
    (process.accesses, process.interrupts, process.restarts) = (1 << 40, 3, 2)
    (process.lastRestart, process.startTime) = (4_000_000, 2_000_000)
    var status = MachineStatus()
    (status.name, status.state, status.vcpus, status.memory) = ("g", "paused", 2, 1 << 30)
    status.hypervisor = "kvm"
    (status.uptime, status.resets, status.instructions, status.coreMessages) = (5, 6, 7, 0)
    status.processes = [process]
    guard case .status(let read) = roundTrip(.status(status)) else {
      Issue.record("no status")
      return
    }
    #expect(Reply.status(read).json == Reply.status(status).json)
    #expect(read.hypervisor == "kvm")
    #expect(read.processes.first?.accesses == 1 << 40 && read.processes.first?.pid == 7)
  }

  @Test func mapAndLogSurviveWritingAndReading() {
    let row = MapRow(start: 0x1fe0_01e0, size: 8, region: "UART", process: "serial")
    guard case .map(let rows) = roundTrip(.map([row, row])),
      case .log(let line) = roundTrip(
        .log(LogLine(process: "rtc", time: 1_700_000_000_123_456_789, text: "a \"b\"")))
    else {
      Issue.record("lost")
      return
    }
    #expect(rows.count == 2 && rows[1].start == 0x1fe0_01e0 && rows[1].process == "serial")
    #expect(line.time == 1_700_000_000_123_456_789 && line.text == "a \"b\"")
  }

  @Test func controlCharactersAreEscaped() {
    #expect(
      String(decoding: Reply.error("a\u{1b}\n\u{f}").json, as: UTF8.self) == "{\"error\":\"a\\u001b\\u000a\\u000f\"}\n")
  }

  @Test(arguments: ["", "{}", "[]", #"{"done":false}"#, #"{"end":1}"#])
  func otherLinesAreNoReply(_ line: String) { #expect(Reply.parse(Array(line.utf8)) == nil) }

  @Test func exitStatusesAreThoseOfTheDocumentation() {
    #expect(ExitStatus.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5, 6])
    #expect(ExitStatus.signal(15) == 143)
  }
}

extension Reply: Equatable {
  /// Replies are equal if they are written in the same way.
  public static func == (a: Reply, b: Reply) -> Bool { a.json == b.json }
}
