import Control
import Foundation
import Testing

/// `atoll-supervisor` without the command `atoll`, as on a host that has none.
@Suite(.serialized, .enabled(if: Programs.areThere))
struct StandaloneTests {
  private func run(_ arguments: [String], input: String = "") throws -> (status: Int32, output: String, errors: String)
  {
    let machine = try Machine { _ in [Programs.supervisor] + arguments }
    if !input.isEmpty { machine.type(input) }
    machine.closeInput()
    let status = try machine.end()
    return (status, machine.text(), machine.sentence)
  }

  /// One of the documents that people copy, with the files that it names beside it.
  private func example(in folder: URL) throws -> String {
    let text = try Data(contentsOf: Programs.examples.appendingPathComponent("initramfs.json"))
    try text.write(to: folder.appendingPathComponent("machine.json"))
    let manager = FileManager.default
    try manager.createSymbolicLink(
      atPath: folder.appendingPathComponent("vmlinuz").path, withDestinationPath: Programs.kernel)
    try manager.createSymbolicLink(
      atPath: folder.appendingPathComponent("initramfs.cpio").path, withDestinationPath: Programs.initrd)
    return folder.path
  }

  @Test func exampleRunsFromItsFolderAndAnswersRequests() throws {
    let machine = try Machine { folder in
      let path = try example(in: folder)
      let line =
        "cd \(path) && exec \(Programs.supervisor) --machine machine.json --name alone-\(getpid()) --control \(path)/control"
      return ["/bin/sh", "-c", line]
    }
    let socket = machine.folder.path + "/control"
    try machine.waitForShell()
    #if !arch(loongarch64)
      #expect(machine.sentence == "atoll: the hypervisor is soft, because this host's CPUs are not LoongArch's\n")
      #expect(try #require(try machine.machineStatus()).hypervisor == "soft")
    #endif

    let status = try run(["--request", "status", "--control", socket])
    let map = try run(["--request", "map", "--control", socket])
    let restart = try run(["--request", "restart=rtc", "--control", socket])
    let logs = try run(["--request", "logs=supervisor", "--control", socket])
    let wrong = try run(["--request", "restart=vmm", "--control", socket])
    #expect(status.status == 0 && status.output.contains("\"name\":\"alone-\(getpid())\""))
    #expect(map.status == 0 && map.output.contains("UART"))
    #expect(restart.status == 0 && restart.output.isEmpty)
    #expect(logs.output.contains("[supervisor] the guest runs\n[supervisor] rtc was "))
    #expect(wrong.status == 1 && wrong.errors == "atoll: the VMM cannot be restarted without the guest\n")

    let shutdown = try run(["--request", "shutdown", "--control", socket])
    #expect(shutdown.status == 0 && shutdown.errors.isEmpty)
    #expect(try machine.end() == 0)
    let late = try run(["--request", "status", "--control", socket])
    #expect(late.status == 1 && late.errors == "atoll: no machine answers at \(printable(socket)): no such file\n")
  }

  @Test func helpIsOnStandardOutput() throws {
    let (status, output, errors) = try run(["--help"])
    #expect(status == 0 && output.hasPrefix("usage: atoll-supervisor --machine FILE") && errors.isEmpty)
  }

  @Test(arguments: [
    ("/nonexistent/m.json", "atoll: the machine description /nonexistent/m.json cannot be read: no such file\n"),
    ("/", "atoll: the machine description / cannot be read: is a directory\n"),
    ("/dev/zero", "atoll: the machine description has more than 64 KiB\n"),
  ])
  func fileThatCannotBeReadIsOneSentence(_ path: String, _ sentence: String) throws {
    let (status, output, errors) = try run(["--machine", path])
    #expect(status == 1 && output.isEmpty && errors == sentence)
  }

  @Test(arguments: [
    ("", "the machine description is not valid JSON"),
    ("{\"kernel\": \"k\", \"memory\": \"1G\"}", "\"memory\" in the machine description must be a whole number"),
    ("{\"kernel\": \"k\", \"devices\": [{\"type\": \"disk\"}]}", "device 1 of the machine description"),
    ("{\"kernel\": \"/nonexistent/k\", \"hypervisor\": \"soft\"}", "the kernel /nonexistent/k cannot be opened"),
  ])
  func documentOnStandardInputIsReadAndItsMistakeNamed(_ text: String, _ part: String) throws {
    let (status, _, errors) = try run(["--machine", "-"], input: text)
    #expect(status == 1 && errors.hasPrefix("atoll: ") && errors.contains(part))
    #expect(errors.split(separator: "\n").count == 1)
  }

  #if !arch(loongarch64)
    @Test func kvmOnAHostOfAnotherArchitectureIsOneSentence() throws {
      var description = Machine.guest
      description.hypervisor = .kvm
      let machine = try Machine(description)
      #expect(try machine.end() == 1)
      #expect(
        machine.sentence
          == "atoll: this host's CPUs are not LoongArch's: its KVM cannot run the guest, run with --hypervisor soft\n")
      #expect(!machine.hasSocket)
    }
  #endif
}
