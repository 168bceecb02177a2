import Control
import Foundation
import Testing

/// Debian's kernel on processes in their sandboxes, from power-on to power-off.
@Suite(.serialized, .enabled(if: Programs.areThere))
struct MachineTests {
  @Test func powerOffTypedThroughAPipeEndsWithStatus0() throws {
    let machine = try Machine(Machine.guest)
    machine.type("poweroff\n")
    #expect(try machine.end(seconds: 180) == 0)
    #expect(machine.text().contains("atoll: the guest is up"))
    #expect(machine.sentence.isEmpty && !machine.hasSocket)
  }

  @Test func deviceTreeBootsToo() throws {
    var description = Machine.guest
    description.tables = .fdt
    let machine = try Machine(description)
    machine.type("poweroff\n")
    #expect(try machine.end(seconds: 180) == 0)
    #expect(machine.text().contains("atoll: the guest is up"))
  }

  @Test func twoCPUsComeUp() throws {
    var description = Machine.guest
    description.vcpus = 2
    let machine = try Machine(description)
    try machine.waitForShell()
    #expect(try machine.run("nproc").contains("\n2\r\n"))
    kill(machine.pid, SIGINT)
    #expect(try machine.end() == 130)
  }

  /// One boot for everything that leaves the guest running.
  @Test func devicesAreKilledAndRestartedUnderARunningGuest() throws {
    let machine = try Machine(Machine.guest)
    try machine.waitForShell()
    // The kernel's own messages would stand between the lines that are compared.
    _ = try machine.run("dmesg -n 1")
    try clockIsRight(machine)
    try outputSurvivesKills(machine)
    try inputSurvivesKills(machine)
    try restartOnRequest(machine)
    try pauseStopsTheGuest(machine)
    try resetStartsAgain(machine)
    machine.type("echo c >/proc/sysrq-trigger\n")
    #expect(try machine.end() == 2)
    #expect(machine.sentence.contains("the guest's kernel panicked") && machine.sentence.contains("vCPU 0: pc "))
  }

  private func clockIsRight(_ machine: Machine) throws {
    let answer = try machine.run("echo now=$(date +%s)")
    let digits = answer.components(separatedBy: "now=").last?.prefix { $0.isNumber } ?? ""
    let guest = try #require(Double(digits))
    #expect(abs(guest - Date().timeIntervalSince1970) < 30)
  }

  private func outputSurvivesKills(_ machine: Machine) throws {
    var kills = 0
    var next = Date()
    let answer = try machine.run("seq 100000 110000") {
      // Four deaths in all: a fifth within ten seconds would be the last.
      guard kills < 2, Date() >= next, let pid = try machine.process("serial")?.pid, pid > 0 else { return }
      kill(pid, SIGKILL)
      kills += 1
      next = Date().addingTimeInterval(0.1)
    }
    let printed = answer.components(separatedBy: "\r\n").drop { $0 != "100000" }
    for (line, number) in zip(printed, 100_000...110_000) where line != "\(number)" {
      Issue.record("after \(kills) kills there is \"\(line)\" where \(number) should be")
      break
    }
    #expect(printed.count > 10_000)
    let serial = try #require(try machine.process("serial"))
    #expect(kills > 0 && serial.restarts == kills)
    #expect(serial.lastRestart < 1_000_000_000)
  }

  private func inputSurvivesKills(_ machine: Machine) throws {
    let typed = (0..<2000).map { "\(100_000 + $0)\n" }.joined()
    _ = try machine.run("stty -echo -icanon -icrnl")
    let start = machine.console.count
    machine.type("head -c \(typed.utf8.count) >/tmp/in; md5sum </tmp/in; stty sane\n")
    machine.type(typed)
    var kills = 0
    var next = Date()
    try machine.wait(for: "  -", from: start) {
      guard kills < 2, Date() >= next, let pid = try machine.process("serial")?.pid, pid > 0 else { return }
      kill(pid, SIGKILL)
      kills += 1
      next = Date().addingTimeInterval(0.1)
    }
    #expect(machine.text(from: start).contains(try hostMD5(typed)))
  }

  private func hostMD5(_ text: String) throws -> String {
    let (program, input, output) = (Process(), Pipe(), Pipe())
    program.executableURL = URL(fileURLWithPath: "/usr/bin/md5sum")
    (program.standardInput, program.standardOutput) = (input, output)
    try program.run()
    input.fileHandleForWriting.write(Data(text.utf8))
    try input.fileHandleForWriting.close()
    return String(decoding: output.fileHandleForReading.readDataToEndOfFile().prefix(32), as: UTF8.self)
  }

  private func restartOnRequest(_ machine: Machine) throws {
    for name in ["serial", "rtc", "power", "pcie", "terminal"] {
      let before = try #require(try machine.process(name))
      guard case .done = try machine.ask(.restart(name: name)) else {
        Issue.record("\(name) was not restarted")
        continue
      }
      let after = try #require(try machine.process(name))
      #expect(after.pid != before.pid && after.state == "running" && after.restarts == before.restarts + 1)
      #expect(after.accesses >= before.accesses)
    }
    for name in ["vmm", "loader", "nothing"] {
      guard case .error = try machine.ask(.restart(name: name)) else {
        Issue.record("\(name) was restarted")
        continue
      }
    }
    #expect(try machine.run("echo still here").contains("still here"))
    #expect(try machine.machineStatus()?.coreMessages == 0)
  }

  private func pauseStopsTheGuest(_ machine: Machine) throws {
    guard case .done = try machine.ask(.pause), let first = try machine.machineStatus() else {
      Issue.record("no pause")
      return
    }
    let second = try #require(try machine.machineStatus())
    #expect(first.state == "paused" && first.instructions == second.instructions)
    guard case .done = try machine.ask(.resume) else {
      Issue.record("no resume")
      return
    }
    #expect(try machine.run("echo awake").contains("awake"))
  }

  private func resetStartsAgain(_ machine: Machine) throws {
    let start = machine.console.count
    machine.type("reboot -f\n")
    try machine.waitForShell(from: start)
    #expect(try machine.machineStatus()?.resets == 1)
  }
}
