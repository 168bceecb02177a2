/// Writes a cpio archive in the "new ASCII" format (070701) that Linux unpacks as an initramfs
/// (Documentation/driver-api/early-userspace/buffer-format.rst).
/// Everything belongs to root and has time 0, so that the same files give the same archive.
struct CPIOArchive {
  /// The archive so far.
  private(set) var bytes: [UInt8] = []
  private var nextInode: UInt32 = 1

  private enum Kind: UInt32 {
    case file = 0o100000
    case directory = 0o040000
    case link = 0o120000
    case characterDevice = 0o020000
  }

  /// A folder. Folders come before what is in them.
  mutating func addDirectory(_ path: String) { add(path, .directory, mode: 0o755, content: []) }

  /// A file with these bytes.
  mutating func addFile(_ path: String, _ content: [UInt8], mode: UInt32 = 0o644) {
    add(path, .file, mode: mode, content: content)
  }

  /// A symbolic link to `target`.
  mutating func addLink(_ path: String, to target: String) {
    add(path, .link, mode: 0o777, content: Array(target.utf8))
  }

  /// A character device node.
  mutating func addDevice(_ path: String, major: UInt32, minor: UInt32, mode: UInt32 = 0o600) {
    add(path, .characterDevice, mode: mode, content: [], device: (major, minor))
  }

  /// The whole archive with its trailer.
  consuming func finish() -> [UInt8] {
    appendHeader(inode: 0, mode: 0, size: 0, device: (0, 0), name: "TRAILER!!!")
    return bytes
  }

  private mutating func add(
    _ path: String, _ kind: Kind, mode: UInt32, content: [UInt8], device: (major: UInt32, minor: UInt32) = (0, 0)
  ) {
    appendHeader(
      inode: nextInode, mode: kind.rawValue | mode, size: UInt32(content.count), device: device, name: path)
    nextInode += 1
    bytes += content
    pad()
  }

  private mutating func appendHeader(
    inode: UInt32, mode: UInt32, size: UInt32, device: (major: UInt32, minor: UInt32), name: String
  ) {
    let links: UInt32 = mode & Kind.directory.rawValue != 0 ? 2 : 1
    let fields: [UInt32] = [
      inode, mode, 0, 0, links, 0, size, 0, 0, device.major, device.minor, UInt32(name.utf8.count + 1), 0,
    ]
    bytes += Array("070701".utf8)
    for field in fields { appendHex(field) }
    bytes += Array(name.utf8) + [0]
    pad()
  }

  private mutating func appendHex(_ value: UInt32) {
    for shift in stride(from: 28, through: 0, by: -4) {
      let digit = UInt8(value >> UInt32(shift) & 15)
      bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
  }

  private mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }
}
