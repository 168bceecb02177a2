import Glibc
import Synchronization
import System

/// A program of this package, started by a test; killed and reaped with its last reference.
public final class Child {
  public enum End: Equatable, Sendable {
    case status(Int32)
    case signal(Int32)
  }

  public let pid: Int32
  private var ended: End?

  /// Starts `program` from the folder of the test's own executable; `descriptors[n]` becomes its descriptor `n` unless -1.
  /// Takes over none of them.
  public convenience init(_ program: String, descriptors: [Int32]) throws {
    try self.init(path: try Child.folder() + "/" + program, arguments: [], descriptors: descriptors)
  }

  /// Starts the program file `path`, likewise.
  public init(path: String, arguments words: [String], descriptors: [Int32]) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // First out of the way, so that no target number is a source still to be moved.
    let lifted = descriptors.map { $0 < 0 ? -1 : fcntl($0, F_DUPFD_CLOEXEC, 100) }
    defer { for number in lifted where number >= 0 { Glibc.close(number) } }
    for (target, source) in lifted.enumerated() where source >= 0 {
      posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var arguments: [UnsafeMutablePointer<CChar>?] = ([path] + words).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var environment: [UnsafeMutablePointer<CChar>?] = [nil]
    var started: pid_t = 0
    let result = posix_spawn(&started, path, &actions, &attributes, &arguments, &environment)
    guard result == 0 else { throw SystemError("posix_spawn", result) }
    pid = started
  }

  deinit {
    kill(9)
    _ = wait()
  }

  public func kill(_ signal: Int32) { if ended == nil { _ = Glibc.kill(pid, signal) } }

  /// Waits for the end.
  public func wait() -> End {
    if let ended { return ended }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    let end: End = status & 0x7f == 0 ? .status(status >> 8 & 0xff) : .signal(status & 0x7f)
    ended = end
    return end
  }

  /// Processor time used so far, in clock ticks of 10 ms.
  public func processorTicks() -> Int {
    guard let file = fopen("/proc/\(pid)/stat", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 1024)
    guard fgets(&line, 1024, file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let fields = (text.split(separator: ")").last ?? "").split(separator: " ")
    return fields.count > 12 ? (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) : 0
  }

  private static func folder() throws -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, 4095)
    guard count > 0 else { throw SystemError("readlink", errno) }
    let path = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
  }
}

/// A thread whose end can be awaited.
public final class Worker: Sendable {
  private let done: EventCounter

  public init(_ body: @escaping @Sendable () -> Void) throws {
    done = try EventCounter()
    try Thread.start { [self] in
      body()
      done.signal()
    }
  }

  /// Waits at most `seconds`; true if the thread has ended.
  public func wait(seconds: Int64 = 60) -> Bool {
    let ready = try? Poll.wait([(done.descriptor.raw, Poll.input)], nanoseconds: seconds * 1_000_000_000)
    return (ready?.first ?? 0) != 0
  }

  /// Whether the thread has ended, or ends within `microseconds`.
  public func ends(within microseconds: Int64) -> Bool {
    let ready = try? Poll.wait([(done.descriptor.raw, Poll.input)], nanoseconds: microseconds * 1000)
    return (ready?.first ?? 0) != 0
  }
}

/// A value that a worker leaves for the test.
public final class Box<T: Sendable>: Sendable {
  private let storage: Mutex<T>
  public init(_ value: T) { storage = Mutex(value) }
  public var value: T {
    get { storage.withLock { $0 } }
    set { storage.withLock { $0 = newValue } }
  }
}
