import Control
import Machine
import Sandbox
import Testing

@testable import atoll_supervisor

private func machine(_ devices: [DeviceDescription]) -> MachineDescription {
  var machine = MachineDescription()
  machine.kernel = "k"
  machine.devices = devices
  return machine
}

struct RoleTests {
  @Test func everyFunctionOfOursIsAProcessBehindTheDevices() {
    let socket = ForeignDescription(.fs, .socket("/s"))
    let roles = Role.all(machine([.init(.block(.init(path: "d"))), .init(.foreign(socket)), .init(.rng)]))
    let names = roles.map(\.name)
    #expect(names == ["vmm", "loader", "terminal", "serial", "rtc", "power", "pcie", "block0", "rng0"])
    #expect(roles.map { $0.program ?? "" }.suffix(3) == ["atoll-pcie", "atoll-block", "atoll-rng"])
    #expect(roles.last?.backEnd?.index == 2)
  }

  @Test func foreignProgramHasNoProgramOfOurs() {
    let foreign = ForeignDescription(.fs, .program(ForeignProgram(path: "/usr/libexec/virtiofsd")))
    let role = Role.all(machine([.init(.foreign(foreign))])).last
    #expect(role?.program == nil && role?.name == "fs0" && role?.profile.isForeign == true)
  }

  @Test func onlyTheUserNetworkIsInTheHosts() {
    let devices: [DeviceDescription] = [
      .init(.block(.init(path: "d"))), .init(.net(.init(.tap("t")))), .init(.net(.init(.user))), .init(.rng),
      .init(.console(terminal: true)), .init(.vsock(.init(cid: 3, path: "p"))),
    ]
    let inHost = Role.all(machine(devices)).filter { $0.profile.hostNetwork }
    #expect(inHost.map(\.name) == ["net1"])
  }
}

struct ForeignArgumentsTests {
  @Test(arguments: [
    ("--fd={fd}", "--fd=3"), ("{fd}{fd}", "33"), ("{socket}", "/run/atoll/vhost-user.sock"), ("{fd", "{fd"), ("", ""),
    ("a{socket},b={fd}{x}", "a/run/atoll/vhost-user.sock,b=3{x}"),
  ]) func placeholdersAreReplaced(_ text: String, _ filled: String) {
    #expect(ForeignArguments.fill(text, descriptor: 3) == filled)
  }
}

struct ForeignRootTests {
  private func targets(_ program: ForeignProgram, runtime: String? = "/r") -> [String] {
    ForeignRoot.entries(program, runtime: runtime).map { entry in
      switch entry {
      case .bind(_, let at, let writable): writable ? "\(at) rw" : at
      case .device(_, let at), .link(_, let at), .folder(let at), .scratch(let at), .processes(let at): at
      }
    }
  }

  @Test func programSeesItsSystemAndWhatItsDescriptionShows() {
    var program = ForeignProgram(path: "/usr/bin/p")
    program.binds = [.init(path: "/home/x", at: "/shared", writable: true)]
    let targets = targets(program)
    #expect(targets.contains("/usr") && targets.contains("/shared rw") && targets.contains("/proc"))
    #expect(!targets.contains("/etc/resolv.conf") && !targets.contains("/run/atoll rw"))
    #expect(
      !targets.contains {
        $0 == "/home" || $0 == "/root" || $0 == "/etc" || $0 == "/dev" || $0 == "/sys" || $0 == "/var"
      })
  }

  @Test func onlyAProgramThatListensByItselfGetsTheRuntimeFolder() {
    var program = ForeignProgram(path: "/usr/bin/p")
    program.connection = .path
    #expect(targets(program).contains("/run/atoll rw"))
  }
}

struct BackEndArgumentsTests {
  private func arguments(_ kind: DeviceDescription.Kind, _ numbers: [Int32], index: Int = 0) -> [String] {
    let description = DeviceDescription(kind)
    return BackEndArguments.list(.init(index: index, name: "x", description: description), numbers, "/vsock/s")
  }

  @Test func diskIsADescriptor() throws {
    var disk = BlockDescription(path: "d")
    (disk.readOnly, disk.queues) = (true, 4)
    #expect(arguments(.block(disk), [4]) == ["--blk-fd=4", "--num-queues=4", "--read-only"])
  }

  @Test func tapsAreAListAndEachCardHasItsAddress() throws {
    #expect(
      arguments(.net(.init(.tap(nil))), [4, 5], index: 2) == [
        "--tap-fds=4,5", "--control-queue", "--mac=52:54:00:12:34:58",
      ])
    #expect(BackEndArguments.address(0) != BackEndArguments.address(15))
  }

  @Test func userNetworkPassesForwardsOn() throws {
    var net = NetDescription(.user)
    (net.mac, net.forward) = ("52:54:00:00:00:01", ["tcp:1:2", "udp:3:4"])
    let arguments = arguments(.net(net), [])
    #expect(arguments.prefix(2) == ["--user", "--mac=52:54:00:00:00:01"])
    #expect(arguments.suffix(2) == ["--forward=tcp:1:2", "--forward=udp:3:4"])
  }

  @Test func vsockHasItsIdAndSocket() throws {
    #expect(arguments(.vsock(.init(cid: 7, path: "a/s")), []) == ["--guest-cid=7", "--uds-path=/vsock/s"])
  }

  @Test func consoleWithTheTerminalHasItsThreeDescriptors() throws {
    #expect(arguments(.console(terminal: true), [4, 5, 6]) == ["--console-fds=4,5,6"])
  }
}

struct FunctionFilesTests {
  @Test(arguments: ["/nonexistent/disk", "/dev/null", "/"]) func whatIsNoDiskIsRefusedWithItsName(_ path: String) {
    do {
      _ = try FunctionFiles(DeviceDescription(.block(.init(path: path))), "block0")
      Issue.record("\(path) is no disk")
    } catch { #expect(error.status == 1 && error.sentence?.contains(path) == true) }
  }

  @Test func vsockFolderMustBeThere() {
    #expect(throws: Ending.self) {
      try FunctionFiles(DeviceDescription(.vsock(.init(cid: 3, path: "/nonexistent/x"))), "vsock0")
    }
  }
}
