import CSystem
import Foundation

/// A connection to a Unix socket, in lines.
public final class HostLine {
  private let socket: Int32

  /// Nobody listens, or what should come did not.
  public enum Failure: Error { case notConnected(String), tookTooLong(String) }

  /// To whoever listens at `path`.
  public init(_ path: String) throws {
    socket = path.withCString { atoll_unix_connect($0) }
    guard socket >= 0 else { throw Failure.notConnected(path) }
  }
  deinit { close(socket) }

  /// One to `path` where a question is answered by a line that starts with `word`, tried again while the answer is the end of
  /// the connection: nothing tells when the guest listens. Nil: it never was.
  public static func connected(to path: String, asking question: String, for word: String) throws -> HostLine? {
    for _ in 0..<200 {
      let line = try HostLine(path)
      line.write(question)
      if try line.read().hasPrefix(word) { return line }
      usleep(50_000)
    }
    return nil
  }

  /// Sends a line.
  public func write(_ text: String) {
    let bytes = Array("\(text)\n".utf8)
    _ = send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  /// The next line, without its end; what there is of it if the connection ends. It has 10 s.
  public func read() throws -> String {
    var bytes: [UInt8] = []
    while bytes.last != 0x0a {
      var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
      var byte: UInt8 = 0
      guard poll(&entry, 1, 10_000) == 1 else { throw Failure.tookTooLong(String(decoding: bytes, as: UTF8.self)) }
      guard recv(socket, &byte, 1, 0) == 1 else { break }
      bytes.append(byte)
    }
    return String(decoding: bytes.filter { $0 != 0x0a && $0 != 0x0d }, as: UTF8.self)
  }
}
