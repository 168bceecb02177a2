import Control
import CSystem
import Foundation
import System

/// A connected Unix stream socket that speaks in lines.
final class LineSocket {
  private let handle: FileHandle
  private var input: [UInt8] = []

  init(_ path: String) throws {
    let raw = path.withUTF8Z { atoll_unix_connect($0) }
    guard raw >= 0 else { throw BenchFailure("no machine answers at \(path)") }
    handle = FileHandle(fileDescriptor: raw, closeOnDealloc: true)
  }

  func send(_ bytes: [UInt8]) throws {
    guard Foundation.write(handle.fileDescriptor, bytes, bytes.count) == bytes.count else {
      throw BenchFailure("the machine ended")
    }
  }

  /// The next line, waited for at most ten seconds.
  func line() throws -> [UInt8] {
    while true {
      if let newline = input.firstIndex(of: 0x0a) {
        defer { input.removeFirst(newline + 1) }
        return Array(input[..<newline])
      }
      let ready = try Poll.wait([(handle.fileDescriptor, Poll.input)], nanoseconds: 10_000_000_000)
      var chunk = [UInt8](repeating: 0, count: 65536)
      let count = ready[0] == 0 ? 0 : Foundation.read(handle.fileDescriptor, &chunk, chunk.count)
      guard count > 0 else { throw BenchFailure("the machine does not answer") }
      input += chunk[0..<count]
    }
  }
}

/// A connection to a supervisor (Protocols/Control).
struct ControlConnection {
  private let socket: LineSocket

  init(_ path: String) throws { socket = try LineSocket(path) }

  /// Sends a request and returns its answer.
  func ask(_ request: ControlRequest) throws -> Reply {
    try socket.send(request.json)
    guard let reply = Reply.parse(try socket.line()) else { throw BenchFailure("the machine's answer makes no sense") }
    if case .error(let sentence) = reply { throw BenchFailure(sentence) }
    return reply
  }
}

/// A connection to QEMU's machine protocol, as far as starting a vCPU needs it.
struct QMPConnection {
  private let socket: LineSocket

  init(_ path: String) throws {
    socket = try LineSocket(path)
    _ = try socket.line()
    try command("qmp_capabilities")
  }

  /// Sends a command and waits for its answer; events are passed over.
  func command(_ name: String) throws {
    try socket.send(Array("{\"execute\":\"\(name)\"}\n".utf8))
    while true {
      let line = String(decoding: try socket.line(), as: UTF8.self)
      if line.contains("\"return\"") { return }
      if line.contains("\"error\"") { throw BenchFailure("QEMU refused \(name): \(line)") }
    }
  }
}
