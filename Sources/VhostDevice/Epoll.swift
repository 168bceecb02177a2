import CSystem
import System

/// Whose descriptor became ready.
enum Source: Equatable {
  /// The kick of ring `index`.
  case kick(Int)
  /// A descriptor that the device watches under `token`.
  case device(UInt32)
  /// The front-end's socket.
  case frontEnd
  /// A new front-end at the listening socket.
  case listener
  /// The supervisor's set-up socket.
  case supervisor
  /// The pipe of a device state that is saved or loaded.
  case stateTransfer

  /// Bits 32 and above the kind, below the number.
  var token: UInt {
    switch self {
    case .kick(let index): UInt(truncatingIfNeeded: index)
    case .device(let token): 1 << 32 | UInt(token)
    case .frontEnd: 2 << 32
    case .listener: 3 << 32
    case .supervisor: 4 << 32
    case .stateTransfer: 5 << 32
    }
  }

  init?(token: UInt) {
    switch token >> 32 {
    case 0: self = .kick(Int(token))
    case 1: self = .device(UInt32(truncatingIfNeeded: token))
    case 2: self = .frontEnd
    case 3: self = .listener
    case 4: self = .supervisor
    case 5: self = .stateTransfer
    default: return nil
    }
  }
}

/// The one thing that a back-end process sleeps on.
struct Epoll: ~Copyable {
  private let descriptor: FileDescriptor
  private let tokens: UnsafeMutablePointer<UInt>
  private let events: UnsafeMutablePointer<UInt32>
  private static var capacity: Int { 64 }

  init() throws(SystemError) {
    descriptor = FileDescriptor(owning: try SystemError.check("epoll_create", atoll_epoll_create()))
    tokens = .allocate(capacity: Epoll.capacity)
    events = .allocate(capacity: Epoll.capacity)
  }

  deinit {
    tokens.deallocate()
    events.deallocate()
  }

  /// Watches `fd`, or changes the events of one that is watched. False: the kernel refuses (a regular file, for instance).
  func watch(_ fd: Int32, _ source: Source, _ events: UInt32) -> Bool {
    if atoll_epoll_watch(descriptor.raw, fd, events, source.token, 0) == 0 { return true }
    return atoll_epoll_watch(descriptor.raw, fd, events, source.token, 1) == 0
  }

  /// Must come before the descriptor is closed: the peer holds the same open file, so that closing does not end the watch.
  func unwatch(_ fd: Int32) { _ = atoll_epoll_remove(descriptor.raw, fd) }

  /// Waits up to `nanoseconds` (0: only looks; nil: for good); returns how many are ready.
  func wait(nanoseconds: Int64?) -> Int {
    max(0, Int(atoll_epoll_ready(descriptor.raw, tokens, events, Int32(Epoll.capacity), Int(nanoseconds ?? -1))))
  }

  /// What the last `wait` found at `index`.
  func ready(_ index: Int) -> (source: Source, events: UInt32)? {
    Source(token: tokens[index]).map { ($0, events[index]) }
  }
}
