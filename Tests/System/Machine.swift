import CSystem
import Control
import Foundation
import System

/// A supervisor under test, with its standard descriptors and its control socket.
final class Machine {
  let pid: Int32
  let folder: URL
  private var input: Int32
  private let output: Int32
  private let errors: Int32
  private(set) var console: [UInt8] = []
  private(set) var complaints: [UInt8] = []
  private var pending: [UInt8] = []
  private var status: Int32?

  enum Failure: Error { case tookTooLong(String), ended(Int32, String), cannotStart }

  /// Starts a machine from `description` in a folder of its own. With `terminal` it has that for input and output.
  convenience init(_ description: MachineDescription, terminal: Int32? = nil) throws {
    try self.init(terminal: terminal) { folder in
      let document = folder.appendingPathComponent("machine.json")
      try Data(description.json).write(to: document)
      return [Programs.supervisor, "--machine", document.path, "--control", folder.path + "/control"]
    }
  }

  /// Starts what `command` says, program first, in a folder of its own.
  init(terminal: Int32? = nil, command: (URL) throws -> [String]) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "atoll-test-\(UInt32.random(in: 0 ... .max))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let arguments = try command(folder)
    let (stdin, stdout, stderr) = (Machine.pipe(), Machine.pipe(), Machine.pipe())
    let child = terminal.map { [$0, $0, stderr.write] } ?? [stdin.read, stdout.write, stderr.write]
    pid = try Machine.spawn(arguments, child)
    for end in [stdin.read, stdout.write, stderr.write] { close(end) }
    (input, output, errors) = (stdin.write, stdout.read, stderr.read)
    for end in [input, output, errors] { _ = atoll_set_nonblocking(end, 1) }
  }

  deinit {
    if status == nil {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
    for end in [input, output, errors] where end >= 0 { close(end) }
    try? FileManager.default.removeItem(at: folder)
  }

  /// A guest of the fetched files, with Atoll's Embedded programs.
  static var guest: MachineDescription {
    var description = MachineDescription()
    description.kernel = Programs.kernel
    description.initrd = Programs.initrd
    description.programs = Programs.folder
    description.memory = 512 << 20
    description.hypervisor = .soft
    return description
  }

  private static func pipe() -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    _ = atoll_pipe(&ends)
    return (ends[0], ends[1])
  }

  private static func spawn(_ arguments: [String], _ standard: [Int32]) throws -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, descriptor) in standard.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
    }
    var list: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for pointer in list { free(pointer) } }
    var pid: pid_t = 0
    guard posix_spawn(&pid, arguments[0], &actions, nil, &list, environ) == 0 else { throw Failure.cannotStart }
    return pid
  }

  // MARK: console

  /// Types `text`; it is written as the machine takes it.
  func type(_ text: String) {
    pending += Array(text.utf8)
    pump(0)
  }

  /// Ends the input behind what was typed.
  func closeInput() {
    while !pending.isEmpty, reap(wait: false) == nil { pump(5) }
    if input >= 0 { close(input) }
    input = -1
  }

  /// Moves bytes for at most `milliseconds`.
  private func pump(_ milliseconds: Int32) {
    var set = [
      pollfd(fd: output, events: Int16(POLLIN), revents: 0), pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
      pollfd(fd: pending.isEmpty ? -1 : input, events: Int16(POLLOUT), revents: 0),
    ]
    guard poll(&set, 3, milliseconds) > 0 else { return }
    if set[0].revents != 0 { console += Machine.take(output) }
    if set[1].revents != 0 { complaints += Machine.take(errors) }
    if set[2].revents != 0 {
      let written = pending.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
      if written > 0 { pending.removeFirst(written) }
    }
  }

  private static func take(_ descriptor: Int32) -> [UInt8] {
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = read(descriptor, &chunk, chunk.count)
    // End of file stays readable: do not spin on it.
    if count <= 0 { usleep(2000) }
    return count > 0 ? Array(chunk[0..<count]) : []
  }

  /// The console's text from byte `start` on.
  func text(from start: Int = 0) -> String { String(decoding: console[min(start, console.count)...], as: UTF8.self) }
  /// What was written to standard error.
  var sentence: String { String(decoding: complaints, as: UTF8.self) }

  /// Waits until the console has said `words` behind byte `start`, calling `meanwhile` again and again.
  func wait(for words: String, from start: Int = 0, seconds: Double = 120, meanwhile: () throws -> Void = {}) throws {
    let end = Date().addingTimeInterval(seconds)
    let wanted = Array(words.utf8)
    var checked = -1
    while true {
      if console.count != checked {
        checked = console.count
        if Machine.contains(console[min(start, console.count)...], wanted) { return }
      }
      if let status = reap(wait: false) {
        throw Failure.ended(status, sentence + text(from: max(0, console.count - 500)))
      }
      guard Date() < end else { throw Failure.tookTooLong(words + "\n" + text(from: max(0, console.count - 500))) }
      pump(20)
      try meanwhile()
    }
  }

  private static func contains(_ bytes: ArraySlice<UInt8>, _ wanted: [UInt8]) -> Bool {
    Data(bytes).range(of: Data(wanted)) != nil
  }

  /// Types a line and waits for what it prints: the marker is put together by the guest's shell, so that its echo is not it.
  func run(_ command: String, seconds: Double = 120, meanwhile: () throws -> Void = {}) throws -> String {
    let start = console.count
    let mark = "\(UInt16.random(in: 10000...60000))"
    type("\(command); echo do\"\"ne \(mark)\n")
    try wait(for: "done \(mark)", from: start, seconds: seconds, meanwhile: meanwhile)
    return text(from: start)
  }

  /// Waits for the shell's prompt.
  func waitForShell(from start: Int = 0) throws {
    try wait(for: "atoll: the guest is up", from: start)
    try wait(for: "\n# ", from: start)
  }

  // MARK: the end

  private func reap(wait: Bool) -> Int32? {
    if let status { return status }
    var raw: Int32 = 0
    guard waitpid(pid, &raw, wait ? 0 : WNOHANG) == pid else { return nil }
    let exited = raw & 0x7f == 0
    status = exited ? raw >> 8 & 0xff : 256 + (raw & 0x7f)
    return status
  }

  /// Waits for the end; the exit status, or 256 + a signal's number.
  func end(seconds: Double = 60) throws -> Int32 {
    let end = Date().addingTimeInterval(seconds)
    while reap(wait: false) == nil {
      guard Date() < end else { throw Failure.tookTooLong("the end") }
      pump(5)
    }
    pump(0)
    pump(0)
    return reap(wait: false) ?? -1
  }

  /// Processes whose parent was this machine's supervisor, by their program's name and this test's folder of programs.
  func children() -> [Int32] {
    let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)) ?? ""
    return text.split(separator: " ").compactMap { Int32($0) }
  }

  /// Whether the control socket is still there.
  var hasSocket: Bool { FileManager.default.fileExists(atPath: folder.path + "/control") }

  // MARK: control

  /// Sends a request and returns its one answer.
  func ask(_ request: ControlRequest) throws -> Reply? {
    let raw = (folder.path + "/control").withUTF8Z { atoll_unix_connect($0) }
    guard raw >= 0 else { return nil }
    defer { close(raw) }
    let line = request.json
    _ = line.withUnsafeBytes { write(raw, $0.baseAddress, $0.count) }
    var answer: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while !answer.contains(0x0a) {
      let count = read(raw, &chunk, chunk.count)
      guard count > 0 else { return nil }
      answer += chunk[0..<count]
    }
    return Reply.parse(Array(answer.prefix { $0 != 0x0a }))
  }

  /// The machine's status.
  func machineStatus() throws -> MachineStatus? {
    guard case .status(let status) = try ask(.status) else { return nil }
    return status
  }

  /// The row of one process.
  func process(_ name: String) throws -> ProcessStatus? { try machineStatus()?.processes.first { $0.name == name } }
}
