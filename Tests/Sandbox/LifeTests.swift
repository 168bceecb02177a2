import Foundation
import Testing

@Suite("A confined process' life", .enabled(if: ProbeProgram.isBuilt, "\(ProbeProgram.missing)"))
struct LifeTests {
  @Test("ends with a supervisor that is killed with SIGKILL")
  func supervisorKilled() async throws {
    let (supervisor, line) = try ProbeProgram.start(["nursery"])
    let child = try #require(pid_t(line), "the nursery said: \(line)")
    #expect(kill(child, 0) == 0)

    kill(supervisor.processIdentifier, SIGKILL)
    supervisor.waitUntilExit()

    // Whoever adopts the orphan reaps it in its own time.
    var gone = false
    for _ in 0..<200 where !gone {
      gone = kill(child, 0) != 0 || isZombie(child)
      if !gone { try await Task.sleep(for: .milliseconds(5)) }
    }
    #expect(gone)
  }

  @Test("begins within 5 ms of the spawn, sandbox and second filter included")
  func startTime() throws {
    let nanoseconds = try ProbeProgram.run(["time"]).compactMap(Int.init).sorted()

    #expect(nanoseconds.count == 50)
    // The best of fifty: what it costs, not what else the machine does meanwhile.
    #expect(nanoseconds.first ?? .max < 5_000_000)
  }

  private func isZombie(_ pid: pid_t) -> Bool {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
    return status.isEmpty || status.contains(") Z ")
  }
}
