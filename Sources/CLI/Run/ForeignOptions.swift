import Control
import Foundation

/// The back-ends that others have written, as `atoll run` starts them.
enum ForeignOptions {
  /// virtiofsd. It makes no sandbox of its own: it is in one.
  static func fs(_ text: String) throws -> DeviceDescription {
    var list = OptionList(text, of: "--vhost-user-fs")
    let tag = try list.required("tag")
    // virtio 1.3, 5.11.4: the tag has 36 bytes.
    guard (1...36).contains(tag.utf8.count) else { throw CommandFailure("--vhost-user-fs: a tag has 1 to 36 bytes") }
    if let socket = try list.value("socket") {
      try list.finish()
      return DeviceDescription(.foreign(ForeignDescription(.fs, .socket(socket))))
    }
    var program = try ForeignOptions.program(&list, ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"])
    let directory = try ForeignOptions.existing(list.required("dir"), "--vhost-user-fs")
    let readOnly = list.flag("readonly")
    try list.finish()
    program.arguments = ["--fd={fd}", "--shared-dir=/shared", "--sandbox=none", "--tag=\(tag)"]
    program.arguments += ["--inode-file-handles=never"] + (readOnly ? ["--readonly"] : [])
    program.binds = [.init(path: directory, at: "/shared", writable: !readOnly)]
    return DeviceDescription(.foreign(ForeignDescription(.fs, .program(program))))
  }

  /// passt. It is in the host's network, and confines itself once it has looked around there.
  static func network(_ text: String) throws -> DeviceDescription {
    var list = OptionList(text, of: "--vhost-user-net")
    let address = try list.value("mac")
    var program: ForeignProgram?
    let socket = try list.value("socket")
    if socket == nil {
      var passt = try ForeignOptions.program(&list, ["/usr/bin/passt"])
      passt.arguments = ["--foreground", "--quiet", "--vhost-user", "--fd", "{fd}"] + (try forwards(&list))
      (passt.connection, passt.hostNetwork, passt.confinesItself) = (.connected, true, true)
      program = passt
    }
    try list.finish()
    var foreign = ForeignDescription(.net, program.map { .program($0) } ?? .socket(socket ?? ""))
    // It has no configuration, and cannot say how many queues it has: mac, status, max_virtqueue_pairs (virtio 1.3, 5.1.4).
    foreign.config = try ForeignOptions.bytes(address ?? "52:54:00:12:34:56") + [1, 0, 1, 0]
    foreign.queues = 2
    return DeviceDescription(.foreign(foreign))
  }

  /// "tcp:2222:22" in passt's words.
  private static func forwards(_ list: inout OptionList) throws -> [String] {
    try list.values("forward").flatMap { rule in
      let parts = rule.split(separator: ":")
      guard parts.count == 3, parts[0] == "tcp" || parts[0] == "udp" else {
        throw CommandFailure("--vhost-user-net: forward= is tcp:HOST:GUEST or udp:HOST:GUEST, not “\(rule)”")
      }
      return [parts[0] == "tcp" ? "-t" : "-u", "\(parts[1]):\(parts[2])"]
    }
  }

  /// qemu-storage-daemon.
  static func disk(_ text: String) throws -> DeviceDescription {
    var list = OptionList(text, of: "--vhost-user-block")
    if let socket = try list.value("socket") {
      try list.finish()
      return DeviceDescription(.foreign(ForeignDescription(.block, .socket(socket))))
    }
    var program = try ForeignOptions.program(&list, ["/usr/bin/qemu-storage-daemon"])
    let path = try ForeignOptions.existing(list.required("path"), "--vhost-user-block")
    let readOnly = list.flag("readonly")
    let queues = try list.number("queues", 1...16) ?? 1
    try list.finish()
    program.arguments = [
      "--blockdev", "driver=file,node-name=disk,filename=/disk.img,locking=off,read-only=\(readOnly ? "on" : "off")",
      "--export",
      "type=vhost-user-blk,id=disk,node-name=disk,addr.type=fd,addr.str={fd},writable=\(readOnly ? "off" : "on"),num-queues=\(queues)",
    ]
    program.binds = [.init(path: path, at: "/disk.img", writable: !readOnly)]
    return DeviceDescription(.foreign(ForeignDescription(.block, .program(program))))
  }

  /// vhost-device-vsock, which makes its socket itself.
  static func vsock(_ text: String) throws -> DeviceDescription {
    var list = OptionList(text, of: "--vhost-user-vsock")
    if let socket = try list.value("socket") {
      try list.finish()
      return DeviceDescription(.foreign(ForeignDescription(.vsock, .socket(socket))))
    }
    var program = try ForeignOptions.program(&list, ["/usr/bin/vhost-device-vsock"])
    let (cid, path) = (try list.required("cid"), URL(fileURLWithPath: try list.required("path")))
    try list.finish()
    let folder = try ForeignOptions.existing(path.deletingLastPathComponent().path, "--vhost-user-vsock")
    program.arguments = ["--guest-cid", cid, "--socket", "{socket}", "--uds-path", "/vsock/\(path.lastPathComponent)"]
    program.connection = .path
    program.binds = [.init(path: folder, at: "/vsock", writable: true)]
    return DeviceDescription(.foreign(ForeignDescription(.vsock, .program(program))))
  }

  // MARK: finding things

  /// The program that the list names, or what `atoll guest fetch --vhost-user` got, or the first of `usual` that the host
  /// has: in this order because Debian 12's do not know what they are asked for here.
  private static func program(_ list: inout OptionList, _ usual: [String]) throws -> ForeignProgram {
    if let path = try list.value("program") {
      guard path.hasPrefix("/") else { throw CommandFailure("program= must be an absolute path, not “\(path)”") }
      return ForeignProgram(path: path)
    }
    let manager = FileManager.default
    let root = CacheFolder.vhostUser.path
    if let path = usual.first(where: { manager.isExecutableFile(atPath: root + $0) }) {
      var program = ForeignProgram(path: path)
      program.root = root
      return program
    }
    guard let path = usual.first(where: { manager.isExecutableFile(atPath: $0) }) else {
      let name = usual[0].split(separator: "/").last ?? ""
      throw CommandFailure(
        "\(name) is not installed: get it with `atoll guest fetch --vhost-user`, or name it with program=")
    }
    return ForeignProgram(path: path)
  }

  /// The absolute path of something that is there.
  private static func existing(_ path: String, _ option: String) throws -> String {
    let url = URL(fileURLWithPath: path).resolvingSymlinksInPath()
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw CommandFailure("\(option): there is no \(path)")
    }
    return url.path
  }

  private static func bytes(_ address: String) throws -> [UInt8] {
    let bytes = address.split(separator: ":").compactMap { UInt8($0, radix: 16) }
    guard bytes.count == 6 else { throw CommandFailure("“\(address)” is no hardware address") }
    return bytes
  }
}
