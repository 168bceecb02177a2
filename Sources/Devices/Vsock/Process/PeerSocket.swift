import CSystem
import System
import Virtqueue

/// The host's end of one connection: a socket, and the guest's bytes that it had no room for.
struct PeerSocket: ~Copyable {
  let descriptor: FileDescriptor
  /// Edge-triggered readiness: true until the socket says otherwise.
  var isReadable = true
  /// What the guest sent and the socket did not take; at most the connection's buffer.
  private var backlog: [UInt8] = []
  private var backlogStart = 0
  /// The guest will send no more; told to the peer once the backlog is empty.
  var finishes = false
  private(set) var isFinished = false

  init(owning descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// What became of an attempt to move bytes.
  enum Outcome: Equatable {
    /// So many bytes moved; 0: not now.
    case moved(Int)
    /// The peer has ended its direction.
    case ended
    /// The socket is of no use any more.
    case broken
  }

  /// Receives into `pieces`.
  mutating func receive(_ pieces: UnsafeMutableBufferPointer<Segment>) -> Outcome {
    let count = atoll_peer_receive(descriptor.raw, pieces.baseAddress, Int32(pieces.count))
    if count > 0 { return .moved(count) }
    isReadable = false
    if count == 0 { return .ended }
    return count == -Int(Errno.again) ? .moved(0) : .broken
  }

  /// Passes `pieces` on, or keeps what the socket does not take; how many bytes the socket took.
  mutating func send(_ pieces: UnsafeMutableBufferPointer<Segment>) -> Outcome {
    var sent = 0
    if backlog.isEmpty {
      let count = atoll_peer_send(descriptor.raw, pieces.baseAddress, Int32(pieces.count))
      guard count >= 0 || count == -Int(Errno.again) else { return .broken }
      sent = max(count, 0)
    }
    keep(pieces, from: sent)
    return .moved(sent)
  }

  private mutating func keep(_ pieces: UnsafeMutableBufferPointer<Segment>, from start: Int) {
    var skip = start
    for piece in pieces {
      if skip >= piece.count {
        skip -= piece.count
        continue
      }
      backlog.append(contentsOf: UnsafeRawBufferPointer(start: piece.base + skip, count: piece.count - skip))
      skip = 0
    }
  }

  /// There may be room again: sends from the backlog, and then the end if it is due.
  mutating func flush() -> Outcome {
    var moved = 0
    while backlogStart < backlog.count {
      let count = sendBacklog()
      guard count > 0 || count == -Int(Errno.again) else { return .broken }
      guard count > 0 else { return .moved(moved) }
      backlogStart += count
      moved += count
    }
    backlog.removeAll(keepingCapacity: false)
    backlogStart = 0
    if finishes, !isFinished {
      isFinished = true
      _ = atoll_peer_finish(descriptor.raw)
    }
    return .moved(moved)
  }

  private mutating func sendBacklog() -> Int {
    let (raw, start) = (descriptor.raw, backlogStart)
    return backlog.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return 0 }
      var piece = Segment(base: base + start, count: bytes.count - start)
      return withUnsafePointer(to: &piece) { atoll_peer_send(raw, $0, 1) }
    }
  }
}
