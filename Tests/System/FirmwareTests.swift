import Control
import Foundation
import Testing

/// Debian's UEFI in ROM and flash, on processes in their sandboxes.
@Suite(.serialized, .enabled(if: Programs.firmwareIsThere))
struct FirmwareTests {
  private static let variable = "setvar Atoll -guid a7011a70-1111-2222-3333-444455556666"

  private func description(_ variables: String? = nil) -> MachineDescription {
    var description = MachineDescription()
    description.programs = Programs.folder
    description.memory = 512 << 20
    description.firmware = FirmwareDescription(code: Programs.firmwareCode, variables: variables)
    return description
  }

  /// From the boot manager, which says that there is nothing to boot, to the shell's prompt.
  private func openShell(_ machine: Machine, from start: Int = 0) throws {
    try machine.wait(for: "Press any key", from: start)
    var here = machine.console.count
    machine.type(" ")
    try machine.wait(for: "Continue", from: here)
    here = machine.console.count
    // Select Language, Device Manager, Boot Manager.
    machine.type("\u{1b}[B\u{1b}[B\r")
    try machine.wait(for: "EFI Internal Shell", from: here)
    here = machine.console.count
    // The first entry is the menu that we come from.
    machine.type("\u{1b}[B\r")
    try machine.wait(for: "Shell>", from: here)
  }

  /// What a command of the shell prints.
  private func run(_ command: String, _ machine: Machine) throws -> String {
    let start = machine.console.count
    machine.type(command + "\r")
    try machine.wait(for: "Shell>", from: start)
    return machine.text(from: start)
  }

  /// One boot for everything: a variable written while the flash is killed is there after a reset, and in the next machine.
  @Test func variablesSurviveKillsResetAndTheEndOfTheMachine() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("atoll-vars-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let variables = folder.appendingPathComponent("variables.fd")
    try FileManager.default.copyItem(atPath: Programs.firmwareVariables, toPath: variables.path)

    let machine = try Machine(description(variables.path))
    try openShell(machine)
    for (number, name) in ["flash", "fwcfg", "flash", "pcie"].enumerated() {
      let pid = try #require(try machine.process(name)?.pid)
      kill(pid, SIGKILL)
      #expect(!(try run("\(Self.variable) -bs -nv =0x0\(number)", machine)).contains("Unable"))
    }
    #expect(try run(Self.variable, machine).contains("0001 Bytes"))
    try aSecondMachineMayNotHaveTheFile(variables.path)

    let start = machine.console.count
    machine.type("reset\r")
    try openShell(machine, from: start)
    #expect(try run(Self.variable, machine).contains("\n03"))
    machine.type("reset -s\r")
    #expect(try machine.end() == 0)

    let next = try Machine(description(variables.path))
    try openShell(next)
    #expect(try run(Self.variable, next).contains("\n03"))
    kill(next.pid, SIGINT)
    #expect(try next.end() == 130)
  }

  private func aSecondMachineMayNotHaveTheFile(_ path: String) throws {
    let second = try Machine(description(path))
    #expect(try second.end() == 1)
    #expect(second.sentence.contains("in use by another machine"))
  }

  @Test func withoutAFile_variablesAreMadeAndForgotten() throws {
    let machine = try Machine(description())
    try machine.wait(for: "Press any key")
    #expect(try machine.process("flash") != nil && machine.process("fwcfg") != nil)
    kill(machine.pid, SIGINT)
    #expect(try machine.end() == 130)
  }

  @Test(arguments: ["missing", "odd size", "too large"]) func unusableFiles_areOneSentence(what: String) throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("atoll-vars-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    if what != "missing" {
      FileManager.default.createFile(atPath: file.path, contents: nil)
      truncate(file.path, what == "odd size" ? 1000 : 32 << 20)
    }
    let machine = try Machine(description(file.path))
    #expect(try machine.end() == 1)
    #expect(machine.sentence.contains("firmware variables"))
    #expect(machine.sentence.split(separator: "\n").count == 1)
  }
}
