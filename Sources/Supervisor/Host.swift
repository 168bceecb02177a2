import CSystem
import Control
import System

/// What the supervisor finds out about the host it runs on.
enum Host {
  /// Bytes of RAM.
  static var memory: UInt64 { UInt64(max(0, atoll_host_memory())) }

  /// This process' arguments; Embedded Swift has no `CommandLine`.
  static func arguments() throws(Ending) -> [[UInt8]] {
    let text: [UInt8]
    do throws(SystemError) {
      text = try read(try FileDescriptor.open("/proc/self/cmdline", flags: 0), limit: 1 << 20)
    } catch {
      throw Ending(host: "reading the command line in /proc", error)
    }
    return text.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { Array($0) }
  }

  /// All bytes of a file, or as many as `limit` and one.
  static func read(_ file: borrowing FileDescriptor, limit: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while bytes.count <= limit {
      let raw = file.raw
      let result = chunk.withUnsafeMutableBytes { atoll_read(raw, $0.baseAddress, UInt($0.count)) }
      let count = try SystemError.check("read", result)
      if count == 0 { break }
      bytes += chunk[0..<count]
    }
    return bytes
  }

  /// An environment variable; nil if it is unset or empty.
  static func environment(_ name: String) -> String? {
    text { buffer, capacity in
      name.withUTF8Z { atoll_environment($0, buffer, capacity) }
    }
  }

  /// The folder of the running program.
  static var programFolder: String? {
    guard let path = text({ atoll_executable_path($0, $1) }) else { return nil }
    let bytes = Array(path.utf8)
    guard let slash = bytes.lastIndex(of: 0x2f) else { return nil }
    return String(decoding: bytes[0..<slash], as: UTF8.self)
  }

  private static func text(_ fill: (UnsafeMutablePointer<CChar>?, UInt) -> Int) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = buffer.withUnsafeMutableBufferPointer { fill($0.baseAddress, UInt($0.count)) }
    guard length > 0 else { return nil }
    return String(decoding: buffer[0..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The absolute path of an existing file or folder, without links; nil if there is none.
  static func absolute(_ path: String) -> String? {
    text { buffer, capacity in path.withUTF8Z { atoll_absolute_path($0, buffer, capacity) } }
  }

  /// Whether there is a file or folder, links followed.
  static func exists(_ path: String) -> Bool { path.withUTF8Z { atoll_path_kind($0) } > 0 }

  /// Whether there is a folder that is no link to one.
  static func isFolder(_ path: String) -> Bool { path.withUTF8Z { atoll_path_kind($0) } == 2 }

  /// The first name server of /etc/resolv.conf (resolv.conf(5)) that is an IPv4 address.
  static var nameServer: String? {
    guard let file = try? FileDescriptor.open("/etc/resolv.conf", flags: 0),
      let text = try? read(file, limit: 64 << 10)
    else { return nil }
    for line in text.split(separator: 0x0a) {
      let words = line.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 }).map { Array($0) }
      guard words.count >= 2, same(words[0], "nameserver"), words[1].count <= 15 else { continue }
      if words[1].allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2e }) {
        return String(decoding: words[1], as: UTF8.self)
      }
    }
    return nil
  }

  /// The interface that a tap's descriptor belongs to.
  static func tapName(_ descriptor: Int32) -> String? { text { atoll_tap_name(descriptor, $0, $1) } }

  /// Makes a folder for a foreign program and the supervisor to meet in; it belongs to whom the program runs as.
  static func runtimeFolder(_ name: String) throws(Ending) -> String {
    let folder = "\(try controlFolder())/\(name).\(atoll_thread_id())"
    removeFolder(folder)
    var result = folder.withUTF8Z { atoll_private_folder($0) }
    if result >= 0 { result = folder.withUTF8Z { atoll_give_to_children($0) } }
    if result < 0 { throw Ending(.hostFailure, "cannot make the folder \(folder): \(Errno.text(-result))") }
    return folder
  }

  /// Removes a socket; what is none stays.
  static func removeSocket(_ path: String) {
    _ = path.withUTF8Z { atoll_remove_socket($0) }
  }

  /// Removes an empty folder; a missing one is as good.
  static func removeFolder(_ path: String) {
    _ = path.withUTF8Z { atoll_remove_folder($0) }
  }

  /// The folder of control sockets: $XDG_RUNTIME_DIR/atoll, or /tmp/atoll-UID. Made if it is missing; refused if others
  /// than this user may enter it.
  static func controlFolder() throws(Ending) -> String {
    let folder = environment("XDG_RUNTIME_DIR").map { "\($0)/atoll" } ?? "/tmp/atoll-\(atoll_effective_user())"
    let result = folder.withUTF8Z { atoll_private_folder($0) }
    if result == -Errno.perm {
      throw Ending(.badInput, "\(folder) must be a folder that only this user may enter; use --control PATH instead")
    }
    if result < 0 { throw Ending(.hostFailure, "cannot make the folder \(folder): \(Errno.text(-result))") }
    return folder
  }

  /// Removes a file; a missing one is as good.
  static func remove(_ path: String) {
    _ = path.withUTF8Z { atoll_unlink($0) }
  }
}

/// The modes of the terminal at descriptor 0, to be put back on every way out.
struct TerminalModes {
  private let saved: [UInt8]?

  /// Takes the modes now; nothing if descriptor 0 is no terminal.
  init() {
    var state = [UInt8](repeating: 0, count: 128)
    let result = state.withUnsafeMutableBufferPointer { atoll_terminal_save(0, $0.baseAddress) }
    saved = result >= 0 ? state : nil
  }

  /// Puts them back.
  func restore() {
    guard let saved else { return }
    _ = saved.withUnsafeBufferPointer { atoll_terminal_restore(0, $0.baseAddress) }
  }
}
