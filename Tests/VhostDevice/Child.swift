import CSystem
import Glibc
import System

/// A program of this package, started by a test; killed and reaped with its last reference.
final class Child {
  enum End: Equatable {
    case status(Int32)
    case signal(Int32)
  }

  let pid: Int32
  private var ended: End?

  /// Starts `program` from the folder of the test's own executable; `descriptors[n]` becomes its descriptor `n` unless -1.
  /// Takes over none of them.
  init(_ program: String, _ arguments: [String], descriptors: [Int32]) throws {
    let path = try Child.folder() + "/" + program
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // First out of the way, so that no target number is a source still to be moved.
    let lifted = descriptors.map { $0 < 0 ? -1 : fcntl($0, F_DUPFD_CLOEXEC, 100) }
    defer { for number in lifted where number >= 0 { Glibc.close(number) } }
    for (target, source) in lifted.enumerated() where source >= 0 {
      posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
    }
    var vector: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
    defer { for text in vector { free(text) } }
    var environment: [UnsafeMutablePointer<CChar>?] = [nil]
    var started: pid_t = 0
    let result = posix_spawn(&started, path, &actions, nil, &vector, &environment)
    guard result == 0 else { throw SystemError("posix_spawn", result) }
    pid = started
  }

  deinit {
    kill(9)
    _ = wait()
  }

  func kill(_ signal: Int32) { if ended == nil { _ = Glibc.kill(pid, signal) } }

  /// Waits for the end.
  func wait() -> End {
    if let ended { return ended }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    let end: End = status & 0x7f == 0 ? .status(status >> 8 & 0xff) : .signal(status & 0x7f)
    ended = end
    return end
  }

  /// Descriptors that it has open.
  var descriptorCount: Int {
    guard let folder = opendir("/proc/\(pid)/fd") else { return -1 }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    return count
  }

  private static func folder() throws -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, 4095)
    guard count > 0 else { throw SystemError("readlink", errno) }
    let path = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
  }
}
