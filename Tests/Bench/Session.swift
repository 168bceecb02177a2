import Foundation
import System

/// A running program with pipes for standard input, output and error. Single-threaded: everything moves in `pump`.
final class Session {
  let pid: Int32
  /// Monotonic nanoseconds just before the program was started.
  let startedAt: Int64
  /// All of standard output and of standard error so far.
  private(set) var output: [UInt8] = []
  private(set) var errors: [UInt8] = []
  /// When which length of `output` was reached.
  private(set) var arrivals: [(time: Int64, length: Int)] = []
  /// When standard error first held `errorMark`.
  private(set) var errorMarkAt: Int64?
  private let errorMark: [UInt8]
  private let signals: Signals
  private let input: FileHandle
  private let outputEnd: FileHandle
  private let errorEnd: FileHandle
  private var pending: [UInt8] = []
  private(set) var outputClosed = false
  private var errorsClosed = false
  private var status: Int32?

  /// Starts `arguments`, the first of which is the program's path. It gets a process group of its own, so that Ctrl-C
  /// reaches only the bench, which then ends it.
  init(_ arguments: [String], signals: Signals, errorMark: String = "") throws {
    self.signals = signals
    self.errorMark = Array(errorMark.utf8)
    let (stdin, stdout, stderr) = (try Session.pipe(), try Session.pipe(), try Session.pipe())
    input = FileHandle(fileDescriptor: stdin.write, closeOnDealloc: true)
    outputEnd = FileHandle(fileDescriptor: stdout.read, closeOnDealloc: true)
    errorEnd = FileHandle(fileDescriptor: stderr.read, closeOnDealloc: true)
    startedAt = Clock.monotonic
    defer { for descriptor in [stdin.read, stdout.write, stderr.write] { close(descriptor) } }
    pid = try Session.spawn(arguments, [stdin.read, stdout.write, stderr.write])
    for descriptor in [stdin.write, stdout.read, stderr.read] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
  }

  deinit { end() }

  private static func pipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard Foundation.pipe(&ends) == 0 else { throw BenchFailure("cannot make a pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private static func spawn(_ arguments: [String], _ standard: [Int32]) throws -> Int32 {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    for (number, descriptor) in standard.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
    }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
    var list: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for pointer in list { free(pointer) } }
    var pid: pid_t = 0
    let result = posix_spawn(&pid, arguments[0], &actions, &attributes, &list, environ)
    guard result == 0 else {
      throw BenchFailure("\(arguments[0]) cannot be started: \(String(cString: strerror(result)))")
    }
    return pid
  }

  // MARK: talking

  /// Queues bytes for standard input; `pump` writes them as they are taken.
  func send(_ bytes: [UInt8]) { pending += bytes }
  func send(_ text: String) { send(Array(text.utf8)) }

  /// True once everything sent has been taken by the pipe.
  var allSent: Bool { pending.isEmpty }

  /// Waits until `text` has been put out at or behind `start`; returns the position behind it.
  @discardableResult
  func wait(for text: String, from start: Int = 0, seconds: Double, _ what: String) throws -> Int {
    let pattern = Array(text.utf8)
    var searched = start
    let deadline = Clock.monotonic + Int64(seconds * 1e9)
    while true {
      if let found = Session.find(pattern, in: output, from: searched) { return found + pattern.count }
      searched = max(start, output.count - pattern.count)
      guard !outputClosed else { throw BenchFailure("\(what): the program ended\(lastWords)") }
      guard Clock.monotonic < deadline else { throw BenchFailure("\(what): not within \(Int(seconds)) s\(lastOutput)") }
      try pump(until: deadline)
    }
  }

  /// Moves bytes until `time`.
  func run(until time: Int64) throws { while Clock.monotonic < time { try pump(until: time) } }

  /// Waits until the program has closed its output.
  func waitForEnd(seconds: Double) throws {
    let deadline = Clock.monotonic + Int64(seconds * 1e9)
    while !outputClosed, Clock.monotonic < deadline { try pump(until: deadline) }
  }

  /// The end of standard error, for a sentence.
  var lastWords: String {
    let lines = String(decoding: errors.suffix(400), as: UTF8.self).split(separator: "\n")
    return lines.last.map { ": \($0)" } ?? ""
  }

  /// The end of standard output, for a sentence.
  private var lastOutput: String {
    let lines = String(decoding: output.suffix(400), as: UTF8.self).split(whereSeparator: \.isNewline)
    return lines.last.map { "; the last line was “\($0)”" } ?? "; there was no output"
  }

  static func find(_ pattern: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard let first = pattern.first, bytes.count >= pattern.count else { return nil }
    var at = max(0, start)
    while at <= bytes.count - pattern.count {
      if bytes[at] == first, bytes[at..<at + pattern.count].elementsEqual(pattern) { return at }
      at += 1
    }
    return nil
  }

  /// One round of moving bytes; returns at the latest at `deadline`.
  func pump(until deadline: Int64) throws {
    let entries: [(descriptor: Int32, events: Int16)] = [
      (outputClosed ? -1 : outputEnd.fileDescriptor, Poll.input),
      (errorsClosed ? -1 : errorEnd.fileDescriptor, Poll.input),
      (pending.isEmpty ? -1 : input.fileDescriptor, Poll.output), (signals.descriptor, Poll.input),
    ]
    let ready = try Poll.wait(entries, nanoseconds: max(0, deadline - Clock.monotonic))
    if ready[3] != 0, let signal = signals.next() { throw BenchFailure.interrupted(signal) }
    if ready[0] != 0 { readOutput() }
    if ready[1] != 0 { readErrors() }
    if ready[2] != 0 { writeInput() }
  }

  private func readOutput() {
    guard let chunk = Session.read(outputEnd.fileDescriptor) else { return outputClosed = true }
    guard !chunk.isEmpty else { return }
    output += chunk
    arrivals.append((Clock.monotonic, output.count))
  }

  private func readErrors() {
    guard let chunk = Session.read(errorEnd.fileDescriptor) else { return errorsClosed = true }
    errors += chunk
    if errorMarkAt == nil, !errorMark.isEmpty, Session.find(errorMark, in: errors, from: 0) != nil {
      errorMarkAt = Clock.monotonic
    }
  }

  /// What there is to read; nil at the end of the file.
  private static func read(_ descriptor: Int32) -> ArraySlice<UInt8>? {
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = Foundation.read(descriptor, &chunk, chunk.count)
    if count > 0 { return chunk[0..<count] }
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? [] : nil
  }

  private func writeInput() {
    let count = Foundation.write(input.fileDescriptor, pending, min(pending.count, 4096))
    if count > 0 { pending.removeFirst(count) } else if errno != EAGAIN { pending.removeAll() }
  }

  // MARK: the end

  /// True while the program has not ended.
  private func reap(_ flags: Int32) -> Bool {
    guard status == nil else { return false }
    var result: Int32 = 0
    guard waitpid(pid, &result, flags) == pid else { return true }
    status = result
    return false
  }

  /// Ends the program: SIGTERM, and after two seconds SIGKILL to its group. Returns once it is gone.
  func end() {
    guard reap(WNOHANG) else { return }
    kill(pid, SIGTERM)
    let deadline = Clock.monotonic + 2_000_000_000
    while reap(WNOHANG), Clock.monotonic < deadline { usleep(2000) }
    guard reap(WNOHANG) else { return }
    kill(-pid, SIGKILL)
    _ = reap(0)
  }
}

/// The signals that end the bench, to be waited for with everything else.
final class Signals {
  private let source: SignalDescriptor

  /// Blocks them from here on.
  init() throws { source = try SignalDescriptor([SIGHUP, SIGINT, SIGTERM]) }

  var descriptor: Int32 { source.descriptor.raw }
  /// The signal that came; nil: none.
  func next() -> Int32? { source.next() }
  /// Throws if one has come.
  func check() throws { if let signal = next() { throw BenchFailure.interrupted(signal) } }
}
