import CSystem
import System
import VhostDevice
import Virtqueue

/// A listening Unix stream socket: one client at a time is the terminal, the next one waits its turn. Without a client the
/// guest's bytes go nowhere, as from a serial port with no cable.
final class SocketLine: ConsoleLine {
  private static let listenerToken: UInt32 = 3

  private let listener: FileDescriptor
  private var client: FileDescriptor?
  private var stream: StreamLine?
  private var rings: Rings?

  /// Listens at `path`.
  init(path: String) throws(SystemError) {
    let result = path.withUTF8Z { atoll_unix_serve($0) }
    listener = FileDescriptor(owning: try SystemError.check("listening at the console's path", result))
  }

  func begin(_ rings: Rings) {
    self.rings = rings
    watchListener(rings)
  }

  private func watchListener(_ rings: Rings) {
    _ = rings.watch(listener.raw, SocketLine.listenerToken, Ready.input)
  }

  func ready(_ token: UInt32, _ events: UInt32, _ rings: Rings) {
    if token == SocketLine.listenerToken { accept(rings) }
  }

  private func accept(_ rings: Rings) {
    guard stream == nil else { return }
    let descriptor = atoll_unix_accept(listener.raw)
    guard descriptor >= 0 else { return }
    client = FileDescriptor(owning: descriptor)
    let line = StreamLine(input: descriptor, output: descriptor, isSocket: true)
    line.begin(rings)
    stream = line
    rings.unwatch(listener.raw)
  }

  private func hangUp(_ rings: Rings) {
    guard let line = stream else { return }
    line.end(rings)
    stream = nil
    client = nil
    watchListener(rings)
  }

  func hasInput() -> Bool { stream?.hasInput() ?? false }
  func fill(_ chain: borrowing DescriptorChain) -> Int { stream?.fill(chain) ?? 0 }
  func delivered(_ count: Int) {}
  func hasRoom() -> Bool { stream?.hasRoom() ?? true }
  func resume(_ chain: borrowing DescriptorChain) -> Int { 0 }
  func take(_ chain: borrowing DescriptorChain, from offset: Int, limit: Int) -> Int {
    stream?.take(chain, from: offset, limit: limit) ?? chain.readableBytes - offset
  }

  /// A client that has gone is noticed by reading to its end, or by writing; then the next one has its turn.
  func flush() {
    if let rings, stream?.isGone == true { hangUp(rings) }
  }

  func forget() {}
}
