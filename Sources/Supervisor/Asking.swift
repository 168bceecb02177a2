import CSystem
import Control
import System

/// The other side of the control socket, for hosts that have no `atoll`.
enum Asking {
  /// Sends a request and prints the answer: log lines as text, status and map as the JSON that came.
  static func ask(_ request: ControlRequest, at path: String) throws(Ending) {
    let raw = path.withUTF8Z { atoll_unix_connect($0) }
    guard raw >= 0 else {
      throw Ending(.badInput, "no machine answers at \(printable(path)): \(Errno.text(-raw))")
    }
    let socket = FileDescriptor(owning: raw)
    let line = request.json
    // A request is short: the socket's buffer takes all of it.
    let sent = line.withUnsafeBytes { atoll_send(socket.raw, $0.baseAddress, UInt($0.count), nil, 0, 1) }
    guard sent == line.count else { throw ended }
    var answer = Answer()
    while let line = try answer.next(socket) {
      if try show(line) { return }
    }
    // An ending machine closes the connection, perhaps before it has said that it ends.
    if request != .shutdown { throw ended }
  }

  private static var ended: Ending { Ending(.badInput, "the machine ended") }

  /// Prints a line of the answer; true if it is the last.
  private static func show(_ line: [UInt8]) throws(Ending) -> Bool {
    switch Reply.parse(line) {
    case .none: throw Ending(.badInput, "the machine's answer makes no sense")
    case .error(let sentence): throw Ending(.badInput, sentence)
    case .done, .end: return true
    case .log(let entry):
      print([UInt8]("[\(entry.process)] \(entry.text)".utf8))
      return false
    case .status, .map:
      print(line)
      return true
    }
  }

  /// A line on standard output.
  static func print(_ line: [UInt8]) {
    var rest = (line + [0x0a])[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { atoll_write(1, $0.baseAddress, UInt($0.count)) }
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }
}

/// The lines that come from a machine.
private struct Answer {
  private var input: [UInt8] = []

  /// The next line without its newline; nil when there are no more.
  mutating func next(_ socket: borrowing FileDescriptor) throws(Ending) -> [UInt8]? {
    while true {
      if let newline = input.firstIndex(of: 0x0a) {
        let line = Array(input[..<newline])
        input.removeFirst(newline + 1)
        return line
      }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let raw = socket.raw
      let count = chunk.withUnsafeMutableBytes { atoll_read(raw, $0.baseAddress, UInt($0.count)) }
      guard count > 0 else { return nil }
      input += chunk[0..<count]
    }
  }
}
