import CSystem
import Glibc
import System

/// Why an exercise could not be done, or what a back-end did wrong, in a sentence.
public struct BenchFailure: Error {
  public let sentence: String
  public init(_ sentence: String) { self.sentence = sentence }
}

/// How a back-end program gets its socket.
public enum SocketKind: String, CaseIterable, Sendable {
  /// `{fd}` in its arguments is a connected socket.
  case connected
  /// `{fd}` in its arguments is a listening socket.
  case listening
  /// `{path}` in its arguments is where it shall listen.
  case path
}

/// A back-end to drive: a program that this process starts, or whoever listens at a path.
public final class BackEndProcess {
  /// The program, or 0.
  public private(set) var pid: pid_t = 0
  private let address: String?
  private let isOwnAddress: Bool
  private var connected: Int32 = -1

  /// Somebody's listening socket.
  public init(path: String) { (address, isOwnAddress) = (path, false) }

  /// Starts `arguments` (program first), on processor `cpu` if that is given; `directory` has room for a socket.
  public init(_ arguments: [String], _ kind: SocketKind, directory: String, cpu: Int? = nil) throws {
    let path = "\(directory)/atoll-vhost-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    (address, isOwnAddress) = (kind == .connected ? nil : path, kind != .connected)
    var inherited: Int32 = -1
    switch kind {
    case .connected: (connected, inherited) = try StreamSocket.pair()
    case .listening: inherited = try SystemError.check("listen", path.withUTF8Z { atoll_unix_listen($0) })
    case .path: break
    }
    defer { if inherited >= 0 { close(inherited) } }
    if inherited >= 0 {
      // The program expects a socket that blocks, and must inherit it.
      _ = fcntl(inherited, F_SETFL, fcntl(inherited, F_GETFL) & ~O_NONBLOCK)
      _ = fcntl(inherited, F_SETFD, 0)
    }
    let made = arguments.map { $0.replacing("{fd}", with: "\(inherited)").replacing("{path}", with: path) }
    pid = try BackEndProcess.spawn((cpu.map { ["taskset", "-c", "\($0)"] } ?? []) + made)
  }

  deinit {
    if pid > 0 {
      kill(pid, SIGTERM)
      _ = waitpid(pid, nil, 0)
    }
    if connected >= 0 { close(connected) }
    if isOwnAddress, let address { unlink(address) }
  }

  /// A connected socket; a program that listens at its path by itself has 5 s for that.
  public func connect() throws -> FileDescriptor {
    guard let address else {
      guard connected >= 0 else { throw BenchFailure("a connected socket can be used once") }
      defer { connected = -1 }
      return FileDescriptor(owning: connected)
    }
    for _ in 0..<500 {
      let socket = address.withUTF8Z { atoll_unix_connect($0) }
      if socket >= 0 { return FileDescriptor(owning: socket) }
      // Nothing tells when another's program listens.
      usleep(10000)
    }
    throw BenchFailure("nobody listens at \(address)")
  }

  /// Waits until the program has ended; its status as the shell has it.
  public func wait() -> Int32 {
    var status: Int32 = 0
    guard pid > 0, waitpid(pid, &status, 0) == pid else { return -1 }
    pid = 0
    return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
  }

  /// Processor time that the program's threads have used, in seconds.
  public var processorTime: Double {
    guard pid > 0, let folder = opendir("/proc/\(pid)/task") else { return 0 }
    defer { closedir(folder) }
    var sum = 0.0
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(name)/schedstat")) ?? ""
      sum += text.split(separator: " ").first.flatMap { Double($0) } ?? 0
    }
    return sum / 1e9
  }

  private static func spawn(_ arguments: [String]) throws -> pid_t {
    guard let program = arguments.first else { throw BenchFailure("there is no program to start") }
    var vector: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for argument in vector { free(argument) } }
    // The threads of test runners block signals, and a child would inherit that.
    var attributes = posix_spawnattr_t()
    var none = sigset_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var pid: pid_t = 0
    let error = posix_spawnp(&pid, program, nil, &attributes, &vector, environ)
    guard error == 0 else { throw BenchFailure("\(program) does not start: \(Errno.text(error))") }
    return pid
  }

  /// Binds this process to one processor. By util-linux, because Swift does not see the C library's function.
  public static func pin(to cpu: Int) throws {
    let pid = try spawn(["sh", "-c", "taskset -cp \(cpu) \(getpid()) > /dev/null"])
    _ = waitpid(pid, nil, 0)
  }
}

extension String {
  init(contentsOfFile path: String) throws {
    let file = try FileDescriptor.open(path, flags: O_RDONLY)
    var bytes = [UInt8](repeating: 0, count: 4096)
    let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0) }
    self = String(decoding: bytes[..<got], as: UTF8.self)
  }
}
