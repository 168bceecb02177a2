import Control
import Testing

@testable import atoll

struct OptionListTests {
  @Test func partsAreTakenOnceAndTheRestIsAnError() throws {
    var list = OptionList("a,b,x=1,x=2,n=7", of: "--o")
    #expect(try list.first("something") == "a")
    #expect(list.flag("b") && !list.flag("b"))
    #expect(try list.values("x") == ["1", "2"])
    #expect(try list.number("n", 1...9) == 7)
    try list.finish()
  }

  @Test(arguments: ["a,c", "a,", "a,n=x,"]) func whatNobodyTookIsRefused(_ text: String) throws {
    var list = OptionList(text, of: "--o")
    _ = try list.first("something")
    #expect(throws: CommandFailure.self) { try list.finish() }
  }

  @Test(arguments: ["", ",a"]) func firstPartMustBeThere(_ text: String) {
    var list = OptionList(text, of: "--o")
    #expect(throws: CommandFailure.self) { try list.first("something") }
  }

  @Test(arguments: ["n=0", "n=10", "n=", "n=x"]) func numberOutOfRangeIsRefused(_ text: String) {
    var list = OptionList(text, of: "--o")
    #expect(throws: CommandFailure.self) { try list.number("n", 1...9) }
  }
}

struct DeviceOptionsTests {
  private func machine(_ arguments: [String]) throws -> MachineDescription {
    var machine = MachineDescription()
    machine.kernel = "k"
    try DeviceOptions.parse(arguments).add(to: &machine)
    try machine.check()
    return machine
  }

  @Test func noOptionNoDevice() throws { #expect(try machine([]).devices.isEmpty) }

  @Test func everyDeviceBringsEntropyOnce() throws {
    #expect(try machine(["--disk", "d"]).deviceNames == ["block0", "rng0"])
    #expect(try machine(["--rng", "--disk", "d"]).deviceNames == ["block0", "rng0"])
    #expect(try machine(["--rng"]).deviceNames == ["rng0"])
  }

  @Test func devicesComeInTheOrderOfTheHelp() throws {
    let names = try machine(["--vsock", "3,p", "--net", "user", "--hvc", "--disk", "a", "--disk", "b"]).deviceNames
    #expect(names == ["block0", "block1", "net0", "console0", "rng0", "vsock0"])
  }

  @Test func diskTakesAllItsParts() throws {
    let device = try DeviceOptions.disk("a=b.img,readonly,queues=4,cache=direct,packed")
    guard case .block(let block) = device.kind else { throw CommandFailure("not a disk") }
    #expect(block.path == "a=b.img" && block.readOnly && block.queues == 4 && block.cache == .direct && device.packed)
  }

  @Test func tapMayHaveANameAndQueues() throws {
    guard case .net(let net) = try DeviceOptions.network("tap=t0,queues=2,mac=52:54:00:00:00:01").kind,
      case .tap(let name) = net.mode
    else { throw CommandFailure("not a tap") }
    #expect(name == "t0" && net.queuePairs == 2 && net.mac == "52:54:00:00:00:01")
  }

  @Test(arguments: [
    ["--disk", "d,write"], ["--disk", ""], ["--disk", "d,cache=none"], ["--net", "bridge"], ["--net", "user,queues=2"],
    ["--vsock", "3"], ["--vsock", "x,p"], ["--vsock", "2,p"], ["--vhost-user-fs", "dir=/"],
    ["--vhost-user-fs", "tag=t"],
    ["--vhost-user-net", "forward=22"], ["--vhost-user-block", "queues=1"], ["--vhost-user-vsock", "cid=3"],
  ]) func wrongOptionIsRefused(_ arguments: [String]) {
    #expect(throws: (any Error).self) { try machine(arguments) }
  }

  @Test func virtioConsoleTakesTheUARTsPlace() throws {
    #expect(try machine(["--hvc"]).commandLine == "console=hvc0")
    #expect(DeviceOptions.atVirtioConsole("a console=ttyS0 console=tty0") == "a console=hvc0 console=tty0")
  }

  @Test func socketOfSomebodyElseNeedsNoProgram() throws {
    guard case .foreign(let foreign) = try ForeignOptions.fs("tag=t,socket=/s").kind,
      case .socket(let path) = foreign.backEnd
    else { throw CommandFailure("not a socket") }
    #expect(path == "/s" && foreign.device == .fs)
  }
}
