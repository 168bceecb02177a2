import CSystem
import Control
import System

/// What the back-end of a function works on, opened once, before anything is started: its later incarnations get the same.
final class FunctionFiles {
  /// A descriptor that several hold.
  final class Shared {
    let file: FileDescriptor
    init(_ file: consuming FileDescriptor) { self.file = file }
  }

  /// In the order in which the back-end gets them.
  private(set) var descriptors: [Shared] = []
  /// Where a foreign program's socket is.
  private(set) var runtime: RuntimeFolder?
  /// Absolute path of the folder of a vsock device's sockets, and the name in it.
  private(set) var vsock: (folder: String, name: String)?
  /// The socket that a foreign program is about to inherit, and the other end of a connected one.
  private var given: Shared?
  private var near: Shared?

  /// Opens what `description` names; one sentence for what is missing or unusable.
  init(_ description: DeviceDescription, _ name: String) throws(Ending) {
    switch description.kind {
    case .block(let block): descriptors = [try FunctionFiles.disk(block)]
    case .net(let net):
      if case .tap(let tap) = net.mode { descriptors = try FunctionFiles.taps(tap, count: net.queuePairs) }
    case .rng, .console: break
    case .vsock(let device): vsock = try FunctionFiles.vsockFolder(device.path)
    case .foreign(let foreign):
      if case .program = foreign.backEnd { runtime = try RuntimeFolder(name) }
    }
  }

  /// A vsock device is ended without a word and leaves its socket behind.
  deinit {
    if let vsock { Host.removeSocket("\(vsock.folder)/\(vsock.name)") }
  }

  // MARK: disks

  /// O_DIRECT of x86-64 and LoongArch64.
  private static let direct: Int32 = 0o40000

  private static func disk(_ block: BlockDescription) throws(Ending) -> Shared {
    let shown = printable(block.path)
    // O_NONBLOCK: a FIFO must not hold us up.
    let flags: Int32 = (block.readOnly ? 0 : 2) | 0x800 | (block.cache == .direct ? direct : 0)
    let file: FileDescriptor
    do { file = try FileDescriptor.open(block.path, flags: flags) } catch {
      throw Ending(.badInput, "the disk \(shown) cannot be opened: \(Errno.text(error.number))")
    }
    guard atoll_is_disk(file.raw) == 1 else {
      throw Ending(.badInput, "the disk \(shown) is neither a regular file nor a block device")
    }
    // Two guests that write to one file system destroy it.
    guard atoll_disk_lock(file.raw, block.readOnly ? 0 : 1) >= 0 else {
      throw Ending(.badInput, "the disk \(shown) is in use by another machine")
    }
    return Shared(file)
  }

  // MARK: taps

  private static func taps(_ wanted: String?, count: Int) throws(Ending) -> [Shared] {
    var name = wanted ?? "atoll%d"
    var taps: [Shared] = []
    for _ in 0..<count {
      let target = name
      let raw = target.withUTF8Z { atoll_tap_open($0, count > 1 ? 1 : 0) }
      guard raw >= 0 else { throw Ending(.badInput, sentence(wanted, -raw)) }
      taps.append(Shared(FileDescriptor(owning: raw)))
      // The kernel has put a number in the place of %d.
      if let chosen = Host.tapName(raw) { name = chosen }
    }
    return taps
  }

  private static func sentence(_ name: String?, _ number: Int32) -> String {
    let shown = name.map { "the tap \(printable($0))" } ?? "a tap"
    let advice = number == Errno.perm ? "; let root make it for you: ip tuntap add dev NAME mode tap user USER" : ""
    return "\(shown) cannot be opened: \(Errno.text(number))\(advice)"
  }

  // MARK: vsock

  private static func vsockFolder(_ path: String) throws(Ending) -> (String, String) {
    let bytes = Array(path.utf8)
    let slash = bytes.lastIndex(of: 0x2f)
    let folder = slash.map { String(decoding: bytes[..<max($0, 1)], as: UTF8.self) } ?? "."
    let name = slash.map { String(decoding: bytes[($0 + 1)...], as: UTF8.self) } ?? path
    guard !name.utf8.isEmpty else { throw Ending(.badInput, "the vsock path \(printable(path)) names no socket") }
    guard let whole = Host.absolute(folder), Host.isFolder(whole) else {
      throw Ending(.badInput, "there is no folder \(printable(folder)) for the vsock socket")
    }
    guard whole.withUTF8Z({ atoll_children_may_write($0) }) == 1 else {
      throw Ending(
        .badInput,
        "the vsock device cannot write in \(printable(whole)); its process runs as this user, for root as nobody")
    }
    return (whole, name)
  }
}

extension FunctionFiles {
  /// The socket that the next incarnation of a foreign program inherits; nil for one that makes its own. Each incarnation gets
  /// a new one: in the old listening socket's queue a connection to its predecessor may wait.
  func freshSocket(_ connection: ForeignProgram.Connection) throws(Ending) -> Int32? {
    switch connection {
    case .connected:
      do {
        let ends = try StreamSocket.pair()
        (near, given) = (Shared(FileDescriptor(owning: ends.0)), Shared(FileDescriptor(owning: ends.1)))
      } catch { throw Ending(host: "making a socket for a process", error) }
    case .listening:
      if let runtime { given = Shared(try runtime.listen()) }
    case .path:
      if let runtime { Host.removeSocket(runtime.socketPath) }
    }
    return given?.file.raw
  }

  /// The program has its copy.
  func closeGivenSocket() { given = nil }

  /// The PCIe host's end of the socket of a program that inherited a connected one; it can be taken once.
  func takeConnection() -> Shared? {
    defer { near = nil }
    return near
  }
}

/// Where the supervisor meets a foreign program: a folder that only this user may enter.
final class RuntimeFolder {
  /// Path of the folder on the host.
  let folder: String
  /// Path of the socket on the host.
  let socketPath: String
  /// Where a program that makes the socket itself sees the folder.
  static let inside = "/run/atoll"
  static let socketName = "vhost-user.sock"

  init(_ name: String) throws(Ending) {
    folder = try Host.runtimeFolder(name)
    socketPath = "\(folder)/\(RuntimeFolder.socketName)"
  }

  /// A new listening socket in the place of an older one. Connected ones that come of it block, as their programs expect.
  func listen() throws(Ending) -> FileDescriptor {
    Host.removeSocket(socketPath)
    let raw = socketPath.withUTF8Z { atoll_unix_listen($0) }
    if raw < 0 { throw Ending(.hostFailure, "cannot listen at \(socketPath): \(Errno.text(-raw))") }
    _ = atoll_set_nonblocking(raw, 0)
    return FileDescriptor(owning: raw)
  }

  deinit {
    Host.removeSocket(socketPath)
    Host.removeFolder(folder)
  }
}
