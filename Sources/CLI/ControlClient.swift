import CSystem
import Control
import Foundation
import System

/// Where running machines are found: their control sockets.
enum MachineSockets {
  /// $XDG_RUNTIME_DIR/atoll, or /tmp/atoll-UID, as the supervisor has it.
  static var folder: String {
    let runtime = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"].flatMap { $0.isEmpty ? nil : $0 }
    return runtime.map { "\($0)/atoll" } ?? "/tmp/atoll-\(geteuid())"
  }

  /// The socket of a machine called `name`.
  static func path(_ name: String) -> String { "\(folder)/\(name).sock" }

  /// The names of the machines that answer.
  static func running() -> [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let names = files.filter { $0.hasSuffix(".sock") }.map { String($0.dropLast(5)) }
    return names.sorted().filter { name in
      let raw = path(name).withUTF8Z { atoll_unix_connect($0) }
      if raw >= 0 { _ = atoll_close(raw) }
      return raw >= 0
    }
  }

  /// The socket that options name, or that of the only running machine.
  static func choose(name: String?, control: String?) throws -> String {
    if let control { return control }
    if let name { return path(name) }
    let names = running()
    guard let first = names.first else { throw CommandFailure("no machine is running") }
    guard names.count == 1 else {
      throw CommandFailure("several machines are running; choose one with --name: \(names.joined(separator: ", "))")
    }
    return path(first)
  }
}

/// One connection to a supervisor.
final class ControlClient {
  private let descriptor: FileDescriptor
  private var input: [UInt8] = []

  /// Connects to the socket at `path`.
  init(_ path: String) throws {
    let raw = path.withUTF8Z { atoll_unix_connect($0) }
    guard raw >= 0 else {
      throw CommandFailure("no machine answers at \(path): \(Errno.text(-raw))")
    }
    descriptor = FileDescriptor(owning: raw)
  }

  /// Sends a request.
  func send(_ request: ControlRequest) throws {
    var rest = request.json[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes { atoll_send(descriptor.raw, $0.baseAddress, UInt($0.count), nil, 0, 1) }
      guard sent > 0 else { throw CommandFailure("the machine ended") }
      rest = rest.dropFirst(sent)
    }
  }

  /// The next answer; nil when the machine has closed the connection.
  func receive() throws -> Reply? {
    while true {
      if let newline = input.firstIndex(of: 0x0a) {
        let line = Array(input[..<newline])
        input.removeFirst(newline + 1)
        guard let reply = Reply.parse(line) else { throw CommandFailure("the machine's answer makes no sense") }
        if case .error(let sentence) = reply { throw CommandFailure(sentence) }
        return reply
      }
      guard try fill() else { return nil }
    }
  }

  private func fill() throws -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = chunk.withUnsafeMutableBytes { atoll_read(descriptor.raw, $0.baseAddress, UInt($0.count)) }
    guard count > 0 else { return false }
    input += chunk[0..<count]
    return true
  }

  /// Sends a request and waits for its one answer.
  func ask(_ request: ControlRequest) throws -> Reply {
    try send(request)
    guard let reply = try receive() else { throw CommandFailure("the machine ended") }
    return reply
  }
}
