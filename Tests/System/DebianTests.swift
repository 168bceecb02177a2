import Control
import Foundation
import Testing

/// What `make debian` has built.
private enum DebianImages {
  static let folder = URL(fileURLWithPath: Programs.kernel).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("debian")
  static let areThere = FileManager.default.isReadableFile(atPath: folder.appendingPathComponent("debian.ext4").path)
}

/// Debian on copies of its images, from power-on to power-off.
@Suite(
  .serialized, .enabled(if: Programs.areThere, "programs or guest are missing: `make embedded guest`"),
  .enabled(if: DebianImages.areThere, "`make debian` has not run"))
struct DebianTests {
  /// A copy of an image, holes kept, that the test may change.
  private func copy(_ name: String, _ body: (String) throws -> Void) throws {
    let copy = FileManager.default.temporaryDirectory.appendingPathComponent(
      "atoll-\(UInt32.random(in: 0 ... .max)).img")
    defer { try? FileManager.default.removeItem(at: copy) }
    let program = Process()
    program.executableURL = URL(fileURLWithPath: "/bin/cp")
    program.arguments = ["--sparse=always", DebianImages.folder.appendingPathComponent(name).path, copy.path]
    try program.run()
    program.waitUntilExit()
    try #require(program.terminationStatus == 0)
    try body(copy.path)
  }

  private func logIn(_ machine: Machine) throws {
    try machine.wait(for: "atoll login: ", seconds: 600)
    machine.type("root\n")
    try machine.wait(for: "root@atoll:~# ")
  }

  @Test func rootOnADiskReachesTheLoginPromptWithNetwork() throws {
    try copy("debian.ext4") { image in
      var description = Machine.guest
      description.memory = 1 << 30
      description.commandLine += " root=/dev/vda"
      description.devices = [
        DeviceDescription(.block(BlockDescription(path: image))), DeviceDescription(.net(NetDescription(.user))),
        DeviceDescription(.rng),
      ]
      let machine = try Machine(description)
      try logIn(machine)
      #expect(try machine.run("echo failed=$(systemctl list-units --failed --quiet | wc -l)").contains("failed=0\r\n"))
      #expect(try machine.run("dpkg --audit; echo audit=$?").contains("audit=0\r\n"))
      // The answer of the network's DHCP server may come after the prompt.
      _ = try machine.run("until ip -4 address | grep -q 'inet .*10\\.0\\.2\\.15/24'; do sleep 1; done")
      machine.type("poweroff\n")
      #expect(try machine.end(seconds: 180) == 0)
    }
  }

  @Test(.enabled(if: Programs.firmwareIsThere, "there is no firmware: `atoll guest fetch --firmware`"))
  func firmwareStartsTheDiskThroughGRUB() throws {
    try copy("debian-efi.img") { image in
      var description = MachineDescription()
      description.programs = Programs.folder
      description.memory = 1 << 30
      description.firmware = FirmwareDescription(code: Programs.firmwareCode)
      description.devices = [DeviceDescription(.block(BlockDescription(path: image)))]
      let machine = try Machine(description)
      try logIn(machine)
      #expect(try machine.run("findmnt -no SOURCE /").contains("/dev/vda2\r\n"))
      machine.type("poweroff\n")
      #expect(try machine.end(seconds: 180) == 0)
    }
  }
}
