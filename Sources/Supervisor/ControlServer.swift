import CSystem
import Control
import System

/// One connection of a person's program.
final class ControlClient {
  /// Whose log lines it is sent as they come.
  enum Following {
    case nothing
    case everything
    case process(String)
  }

  let id: Int
  private let descriptor: FileDescriptor
  private var input: [UInt8] = []
  private var output: [UInt8] = []
  private(set) var isGone = false
  var following = Following.nothing

  init(id: Int, descriptor: consuming FileDescriptor) {
    self.id = id
    self.descriptor = descriptor
  }

  var raw: Int32 { descriptor.raw }
  /// What to poll for.
  var events: Int16 { output.isEmpty ? Poll.input : Poll.input | Poll.output }

  /// Reads what came; returns the whole lines, without their newlines. A line that is too long ends the connection.
  func readLines() -> [[UInt8]] {
    var chunk = [UInt8](repeating: 0, count: 4096)
    let count = chunk.withUnsafeMutableBytes { atoll_read(raw, $0.baseAddress, UInt($0.count)) }
    if count == -Int(Errno.again) { return [] }
    guard count > 0 else {
      isGone = true
      return []
    }
    input += chunk[0..<count]
    return takeLines()
  }

  private func takeLines() -> [[UInt8]] {
    var lines: [[UInt8]] = []
    while let newline = input.firstIndex(of: 0x0a) {
      lines.append(Array(input[0..<newline]))
      input.removeFirst(newline + 1)
    }
    if input.count > ControlLimits.line {
      send(Reply.error(ControlError.longLine.sentence))
      isGone = true
    }
    return lines
  }

  /// Queues an answer and writes what goes without waiting. Who leaves too much unread is dropped.
  func send(_ reply: Reply) {
    guard !isGone else { return }
    output += reply.json
    flush()
    if output.count > ControlLimits.unread { isGone = true }
  }

  /// Writes as much as goes without waiting.
  func flush() {
    while !output.isEmpty {
      let sent = output.withUnsafeBytes { atoll_send(raw, $0.baseAddress, UInt($0.count), nil, 0, 0) }
      if sent == -Int(Errno.again) { return }
      guard sent > 0 else {
        isGone = true
        return
      }
      output.removeFirst(sent)
    }
  }
}

/// The control socket and who is connected to it.
final class ControlServer {
  private let listener: FileDescriptor
  private let path: String
  private var isOpen = true
  private var nextID = 0
  private(set) var clients: [ControlClient] = []

  /// Listens at `path`. A socket there that nobody serves any more is replaced; one that is served is an error.
  init(path: String, machine: String) throws(Ending) {
    let target = path
    var raw = target.withUTF8Z { atoll_unix_listen($0) }
    if raw == -98 {
      try ControlServer.requireStale(path, machine)
      Host.remove(path)
      raw = target.withUTF8Z { atoll_unix_listen($0) }
    }
    if raw < 0 { throw Ending(.badInput, "the control socket \(printable(path)) cannot be made: \(Errno.text(-raw))") }
    listener = FileDescriptor(owning: raw)
    self.path = path
  }

  private static func requireStale(_ path: String, _ machine: String) throws(Ending) {
    let target = path
    let probe = target.withUTF8Z { atoll_unix_connect($0) }
    guard probe < 0 else {
      _ = atoll_close(probe)
      throw Ending(.badInput, "a machine called \(machine) is running already; choose another name with --name")
    }
    guard probe == -111 else {
      throw Ending(.badInput, "\(printable(path)) is in the way of the control socket: \(Errno.text(-probe))")
    }
  }

  var listenerDescriptor: Int32? { isOpen ? listener.raw : nil }

  /// Takes a new connection; one too many is told so and closed.
  func accept() {
    let raw = atoll_unix_accept(listener.raw)
    guard raw >= 0 else { return }
    let client = ControlClient(id: nextID, descriptor: FileDescriptor(owning: raw))
    nextID += 1
    guard clients.count < ControlLimits.clients else {
      return client.send(.error("at most \(ControlLimits.clients) programs may be connected at once"))
    }
    clients.append(client)
  }

  /// A connected client; nil if it is gone.
  func client(_ id: Int) -> ControlClient? { clients.first { $0.id == id } }

  /// Answers a client, if it is still there.
  func reply(_ id: Int, _ reply: Reply) { client(id)?.send(reply) }

  /// Sends a log line to those who follow its process.
  func follow(_ line: LogLine) {
    for client in clients {
      switch client.following {
      case .nothing: continue
      case .process(let name) where !same(name, line.process): continue
      default: client.send(.log(line))
      }
    }
  }

  /// Closes connections that ended.
  func dropGone() { clients.removeAll { $0.isGone } }

  /// Stops listening, closes every connection and removes the socket.
  func close() {
    guard isOpen else { return }
    isOpen = false
    for client in clients { client.flush() }
    clients = []
    Host.remove(path)
  }
}
