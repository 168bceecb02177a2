import Control
import Foundation
import Testing

/// What must end with one sentence and a status, and leave nothing behind.
@Suite(.serialized, .enabled(if: Programs.areThere))
struct BadInputTests {
  private func run(_ description: MachineDescription) throws -> (status: Int32, sentence: String, left: Bool) {
    let machine = try Machine(description)
    let status = try machine.end()
    return (status, machine.sentence, machine.hasSocket)
  }

  private func file(_ bytes: [UInt8]) throws -> String {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      "atoll-bad-\(UInt32.random(in: 0 ... .max))")
    try Data(bytes).write(to: path)
    return path.path
  }

  private func expectOneSentence(_ result: (status: Int32, sentence: String, left: Bool), status: Int32, _ part: String)
  {
    #expect(result.status == status)
    #expect(result.sentence.contains(part))
    #expect(result.sentence.hasPrefix("atoll: ") && result.sentence.split(separator: "\n").count == 1)
    #expect(!result.left)
  }

  @Test(arguments: [
    ("/nonexistent/vmlinuz", "cannot be opened"), ("/dev/null", "not a regular file"), ("/", "not a regular file"),
  ])
  func kernelThatIsNoFileIsRefused(_ path: String, _ part: String) throws {
    var description = Machine.guest
    description.kernel = path
    expectOneSentence(try run(description), status: 1, part)
  }

  @Test func emptyKernelIsRefused() throws {
    var description = Machine.guest
    description.kernel = try file([])
    defer { try? FileManager.default.removeItem(atPath: description.kernel) }
    expectOneSentence(try run(description), status: 1, "is empty")
  }

  @Test(arguments: [100, 4096, 1 << 20])
  func truncatedKernelIsRefused(_ length: Int) throws {
    let whole = try #require(FileManager.default.contents(atPath: Programs.kernel))
    var description = Machine.guest
    description.kernel = try file(Array(whole.prefix(length)))
    defer { try? FileManager.default.removeItem(atPath: description.kernel) }
    expectOneSentence(try run(description), status: 1, "truncated")
  }

  @Test func programOfThisHostIsNoKernel() throws {
    var description = Machine.guest
    description.kernel = "/bin/sh"
    expectOneSentence(try run(description), status: 1, "not for LoongArch64")
  }

  @Test func initialRAMDiskThatDoesNotFitIsRefused() throws {
    var description = Machine.guest
    description.memory = 64 << 20
    let path = try file([1])
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(truncate(path, 1 << 30) == 0)
    description.initrd = path
    expectOneSentence(try run(description), status: 1, "does not fit")
  }

  @Test func moreMemoryThanTheHostHasIsRefused() throws {
    var description = Machine.guest
    description.memory = 1 << 46
    expectOneSentence(try run(description), status: 1, "the host has")
  }

  @Test func missingProgramIsRefused() throws {
    var description = Machine.guest
    description.programs = "/nonexistent"
    expectOneSentence(try run(description), status: 1, "atoll-vmm")
  }

  @Test func deviceThatDiesAtEachStartEndsTheMachine() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "atoll-programs-\(UInt32.random(in: 0 ... .max))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["vmm", "loader", "terminal", "serial", "power", "pcie"] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.path + "/atoll-\(name)", withDestinationPath: Programs.folder + "/atoll-\(name)")
    }
    // A program that refuses a device's first message.
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/atoll-rtc", withDestinationPath: Programs.folder + "/atoll-terminal")
    var description = Machine.guest
    description.programs = folder.path
    expectOneSentence(try run(description), status: 4, "rtc died 5 times")
  }

  @Test(arguments: [0, 1, 2, 3, 5, 8, 13, 21, 100, 1000] as [UInt32])
  func signalDuringTheStartLeavesNothing(_ milliseconds: UInt32) throws {
    let machine = try Machine(Machine.guest)
    usleep(1000 * milliseconds)
    let children = machine.children()
    kill(machine.pid, SIGTERM)
    let status = try machine.end(seconds: 10)
    #expect(status == 143 || milliseconds < 3 && status == 256 + 15)
    #expect(!machine.hasSocket)
    #expect(children.allSatisfy { kill($0, 0) != 0 })
  }
}
