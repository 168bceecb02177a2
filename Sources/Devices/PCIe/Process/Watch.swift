import CSystem
import System

/// What a descriptor of a function is, so that readiness finds its way back.
struct WatchToken: Equatable {
  enum Kind: UInt8 {
    /// The vhost-user socket.
    case socket
    /// The back-end's own channel.
    case channel
    /// The eventfd of broken rings.
    case error
    /// The eventfd of a vector that is not bound.
    case vector
  }
  var slot: Int
  var kind: Kind
  /// Which vector.
  var index = 0

  var word: UInt { UInt(slot) << 16 | UInt(kind.rawValue) << 8 | UInt(index) }

  init(_ slot: Int, _ kind: Kind, _ index: Int = 0) { (self.slot, self.kind, self.index) = (slot, kind, index) }

  init?(word: UInt) {
    guard let kind = Kind(rawValue: UInt8(truncatingIfNeeded: word >> 8)) else { return nil }
    self.init(Int(word >> 16), kind, Int(word & 0xff))
  }
}

/// All descriptors of all functions behind one, level-triggered. A descriptor leaves the set when its last duplicate is closed;
/// those that were handed out stay open elsewhere, so `remove` comes before every close.
final class Watch {
  private let epoll: FileDescriptor

  static let input: UInt32 = 1
  static let output: UInt32 = 4

  /// An empty set.
  init() throws(SystemError) {
    epoll = FileDescriptor(owning: try SystemError.check("epoll_create1", atoll_epoll_create()))
  }

  /// Readable while something in the set is ready.
  var raw: Int32 { epoll.raw }

  /// Watches `descriptor` for `events`; hang-up and error always count.
  func add(_ descriptor: Int32, _ token: WatchToken, events: UInt32 = Watch.input) {
    _ = atoll_epoll_watch(epoll.raw, descriptor, events, token.word, 0)
  }

  /// Watches a descriptor that is in the set for other events.
  func change(_ descriptor: Int32, _ token: WatchToken, events: UInt32) {
    _ = atoll_epoll_watch(epoll.raw, descriptor, events, token.word, 1)
  }

  /// Watches no more. A descriptor that is not in the set is none of its business.
  func remove(_ descriptor: Int32) { _ = atoll_epoll_remove(epoll.raw, descriptor) }

  /// What is ready now, at most 64; empty if nothing is, or if the host refuses.
  func ready() -> [WatchToken] {
    var tokens = [UInt](repeating: 0, count: 64)
    var events = [UInt32](repeating: 0, count: 64)
    let count = atoll_epoll_ready(epoll.raw, &tokens, &events, 64, 0)
    guard count > 0 else { return [] }
    return tokens[..<Int(count)].compactMap { WatchToken(word: $0) }
  }
}
