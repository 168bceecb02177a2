import CSystem
import Foundation

/// A server of the host that sends the same bytes to whoever connects, and keeps what comes. Nothing happens but in `serve`.
public final class HostServer {
  /// What it got, by connection.
  public private(set) var received: [[UInt8]] = []
  /// Its port, of 127.0.0.1; 0 for a Unix socket.
  public let port: UInt16
  private let listener: Int32
  private let content: [UInt8]
  private var peers: [(socket: Int32, sent: Int)] = []

  /// There is no socket to be had.
  public enum Failure: Error { case noSocket }

  /// At any free port.
  public init(content: [UInt8]) throws {
    (self.content, listener) = (content, socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0))
    port = try HostServer.bindToAnyPort(listener)
    guard listen(listener, 8) == 0 else { throw Failure.noSocket }
  }

  /// At a path that everybody may connect to: a device's process of a machine of root's is another user.
  public init(path: String, content: [UInt8]) throws {
    (self.content, port, listener) = (content, 0, path.withCString { atoll_unix_listen($0) })
    guard listener >= 0, chmod(path, 0o777) == 0 else { throw Failure.noSocket }
  }

  deinit {
    close(listener)
    for peer in peers where peer.socket >= 0 { close(peer.socket) }
  }

  /// A port that nothing listens at just now.
  public static func freePort() throws -> UInt16 {
    let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(probe) }
    return try bindToAnyPort(probe)
  }

  /// 127.0.0.1 at `port`.
  public static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = port.bigEndian
    return address
  }

  private static func bindToAnyPort(_ socket: Int32) throws -> UInt16 {
    var address = loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, size) == 0 ? getsockname(socket, $0, &size) : -1
      }
    }
    guard result == 0 else { throw Failure.noSocket }
    return UInt16(bigEndian: address.sin_port)
  }

  /// Takes new connections and moves what can be moved, without waiting.
  public func serve() {
    while true {
      let peer = atoll_unix_accept(listener)
      guard peer >= 0 else { break }
      peers.append((peer, 0))
      received.append([])
    }
    for index in peers.indices where peers[index].socket >= 0 { serve(index) }
  }

  private func serve(_ index: Int) {
    let (peer, sent) = peers[index]
    if sent < content.count {
      let count = content[sent...].withUnsafeBytes { send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      peers[index].sent += max(0, count)
    }
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = read(peer, &chunk, chunk.count)
    if count > 0 { received[index] += chunk[..<count] }
    // The other half may end first; ours ends with the connection, because some back-ends reset at that.
    if count == 0 && peers[index].sent == content.count || count < 0 && errno != EAGAIN {
      close(peer)
      peers[index].socket = -1
    }
  }
}
