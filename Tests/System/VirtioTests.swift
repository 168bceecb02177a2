import Control
import Foundation
import Testing

/// Virtio functions of a whole machine: both their sides die while the guest works with them.
@Suite(.serialized, .enabled(if: Programs.areThere))
struct VirtioTests {
  /// An empty image that root's children, who are nobody, need no right to: the supervisor opens it.
  private func image(_ folder: OpenFolder) throws -> String {
    let path = folder.path + "/disk.img"
    try Data(count: 16 << 20).write(to: URL(fileURLWithPath: path))
    return path
  }

  private func boot(_ devices: [DeviceDescription], commandLine: String = "console=ttyS0 quiet") throws -> Machine {
    var description = Machine.guest
    description.devices = devices
    description.commandLine = commandLine
    let machine = try Machine(description)
    try machine.waitForShell()
    _ = try machine.run("dmesg -n 1")
    return machine
  }

  private static let copy =
    "head -c 8M /dev/urandom >/tmp/a; dd if=/tmp/a of=/dev/vda bs=64k conv=fsync 2>/dev/null; "
    + "echo 3 >/proc/sys/vm/drop_caches; head -c 8M /dev/vda | cmp - /tmp/a && echo sa''me"

  @Test(arguments: [false, true]) func diskKeepsWhatTheGuestWroteWhileItsProcessesDie(_ packed: Bool) throws {
    let folder = try OpenFolder()
    let disk = DeviceDescription(.block(.init(path: try image(folder))), packed: packed)
    let machine = try boot([disk, DeviceDescription(.rng, packed: packed)])
    for name in ["block0", "pcie"] {
      let texts = try machine.run(VirtioTests.copy, killing: name, kills: 2)
      for text in texts { #expect(text.contains("same"), "with deaths of \(name)") }
    }
    #expect(try machine.run("head -c 32 /dev/hwrng | wc -c").contains("32"))
    #expect(try machine.machineStatus()?.coreMessages == 0)
    try machine.powerOff()
  }

  @Test func terminalAtAVirtioConsoleMissesNothingWhileItsProcessesDie() throws {
    let machine = try boot([DeviceDescription(.console(terminal: true))], commandLine: "console=hvc0 quiet")
    for name in ["console0", "pcie"] {
      for text in try machine.run("seq 100000 103000", killing: name, kills: 2) {
        let printed = text.components(separatedBy: "\r\n").drop { $0 != "100000" }.prefix(3001)
        #expect(printed.elementsEqual((100_000...103_000).map { "\($0)" }), "with deaths of \(name)")
      }
    }
    try machine.powerOff()
  }

  @Test func sixteenFunctionsComeUpAndDieTogether() throws {
    let machine = try boot((0..<16).map { DeviceDescription(.rng, packed: $0 % 2 == 1) })
    #expect(try machine.run("ls /sys/bus/virtio/devices | wc -l").contains("16"))
    let before = try #require(try machine.machineStatus())
    for process in before.processes where process.name.hasPrefix("rng") { kill(process.pid, SIGKILL) }
    try machine.wait(60) {
      let rows = try machine.machineStatus()?.processes.filter { $0.name.hasPrefix("rng") } ?? []
      return rows.count == 16 && rows.allSatisfy { $0.state == "running" && $0.restarts == 1 }
    }
    #expect(try machine.run("head -c 32 /dev/hwrng | wc -c").contains("32"))
    try machine.powerOff()
  }

  @Test func backEndThatNobodyServesIsWaitedForUntilAPersonEndsIt() throws {
    var description = Machine.guest
    description.devices = [DeviceDescription(.foreign(.init(.fs, .socket("/nonexistent/socket"))))]
    let machine = try Machine(description)
    try machine.wait(30) { try machine.process("fs0")?.state == "waiting" }
    kill(machine.pid, SIGINT)
    #expect(try machine.end() == 130)
  }

  @Test func programThatLeavesAtOnceEndsTheMachineWithItsName() throws {
    var description = Machine.guest
    var program = ForeignProgram(path: "/usr/bin/true")
    program.connection = .connected
    description.devices = [DeviceDescription(.foreign(.init(.net, .program(program))))]
    let machine = try Machine(description)
    #expect(try machine.end() == 4)
    #expect(machine.sentence.contains("net0 died 5 times") && machine.sentence.contains("exited with status 0"))
  }
}
