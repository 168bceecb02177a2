import ArgumentParser
import Control

/// The devices of `atoll run`. On the bus they come in this order: disks, network, console, entropy, vsock, vhost-user.
struct DeviceOptions: ParsableArguments {
  @Option(help: "A disk, raw image or block device: PATH[,readonly][,queues=N][,cache=direct][,packed].")
  var disk: [String] = []
  @Option(
    help: """
      A network card: user[,forward=tcp:2222:22]… (no privilege needed) or tap[=NAME][,queues=N]; both [,mac=…][,packed].
      """)
  var net: [String] = []
  @Flag(help: "The terminal is a virtio console (hvc0) and not the UART.") var hvc = false
  @Flag(help: "The host's entropy; it comes with any other device too.") var rng = false
  @Option(help: "Connections between guest and host: CID,PATH[,packed]. PATH is a socket that is made.")
  var vsock: String?
  @Option(
    help: """
      A shared directory: tag=TAG,dir=DIR[,readonly]. vhost-user back-ends run in a sandbox; program=PATH names another \
      than the default, socket=PATH one that runs already.
      """)
  var vhostUserFs: [String] = []
  @Option(help: "A network card that passt serves: [mac=…][,forward=tcp:2222:22]….") var vhostUserNet: [String] = []
  @Option(help: "A disk that qemu-storage-daemon serves: path=PATH[,readonly][,queues=N].") var vhostUserBlock:
    [String] = []
  @Option(help: "vsock that vhost-device-vsock serves: cid=CID,path=PATH.") var vhostUserVsock: [String] = []

  /// Adds what was asked for to a machine.
  func add(to machine: inout MachineDescription) throws {
    let before = machine.devices.count
    machine.devices += try disk.map { try DeviceOptions.disk($0) }
    machine.devices += try net.map { try DeviceOptions.network($0) }
    if hvc {
      machine.devices.append(DeviceDescription(.console(terminal: true)))
      machine.commandLine = DeviceOptions.atVirtioConsole(machine.commandLine)
    }
    let others = try vsock.map { [try DeviceOptions.vsock($0)] } ?? []
    let foreign = try vhostUser()
    let hasEntropy = machine.devices.contains { $0.deviceID == VirtioDevice.rng.rawValue }
    if rng || !hasEntropy && machine.devices.count + others.count + foreign.count > before {
      machine.devices.append(DeviceDescription(.rng))
    }
    machine.devices += others + foreign
  }

  private func vhostUser() throws -> [DeviceDescription] {
    try vhostUserFs.map { try ForeignOptions.fs($0) } + vhostUserNet.map { try ForeignOptions.network($0) }
      + vhostUserBlock.map { try ForeignOptions.disk($0) } + vhostUserVsock.map { try ForeignOptions.vsock($0) }
  }

  /// The kernel's messages and the shell go where the terminal is; a line that names another console is left alone.
  static func atVirtioConsole(_ commandLine: String) -> String {
    let words = commandLine.split(separator: " ").map { $0 == "console=ttyS0" ? "console=hvc0" : $0 }
    return words.joined(separator: " ")
  }

  static func disk(_ text: String) throws -> DeviceDescription {
    var list = OptionList(text, of: "--disk")
    var block = BlockDescription(path: try list.first("the path of an image"))
    block.readOnly = list.flag("readonly")
    block.queues = try list.number("queues", 1...16) ?? 1
    if let word = try list.value("cache") {
      guard let cache = BlockDescription.Cache.allCases.first(where: { $0.word.description == word }) else {
        throw CommandFailure("--disk: cache= is writeback or direct, not “\(word)”")
      }
      block.cache = cache
    }
    let packed = list.flag("packed")
    try list.finish()
    return DeviceDescription(.block(block), packed: packed)
  }

  static func network(_ text: String) throws -> DeviceDescription {
    var list = OptionList(text, of: "--net")
    let first = try list.first("user or tap")
    let mode: NetDescription.Mode
    switch first {
    case "user": mode = .user
    case "tap": mode = .tap(nil)
    case _ where first.hasPrefix("tap="): mode = .tap(String(first.dropFirst(4)))
    default: throw CommandFailure("--net is user or tap, not “\(first)”")
    }
    var net = NetDescription(mode)
    net.mac = try list.value("mac")
    net.queuePairs = try list.number("queues", 1...8) ?? 1
    net.forward = try list.values("forward")
    let packed = list.flag("packed")
    try list.finish()
    return DeviceDescription(.net(net), packed: packed)
  }

  static func vsock(_ text: String) throws -> DeviceDescription {
    var list = OptionList(text, of: "--vsock")
    let cid = try list.first("the guest's context id")
    guard let number = UInt32(cid) else { throw CommandFailure("--vsock: “\(cid)” is no context id") }
    let path = try list.first("the path of a socket behind the context id")
    let packed = list.flag("packed")
    try list.finish()
    return DeviceDescription(.vsock(VsockDescription(cid: number, path: path)), packed: packed)
  }
}
