import CSystem
import System
import VhostDevice
import Virtqueue

/// Two descriptors as a line: standard input and output, or a connected socket twice. Bytes that were moved when the process dies
/// are not known to anyone: exactly once is the segment's privilege.
final class StreamLine: ConsoleLine {
  /// Tokens of what is watched.
  static let inputToken: UInt32 = 1
  static let outputToken: UInt32 = 2

  private let input: Int32
  private let output: Int32
  private let isSocket: Bool
  /// The input is at its end, or broken.
  private var isOver = false
  /// The output is broken: the guest's bytes go nowhere.
  private var isMuted = false
  /// There is nobody at the other end.
  var isGone: Bool { isOver || isMuted }

  // Standard output may be a blocking pipe or terminal, shared with others, so that its flags are not ours to change. poll(2)
  // says that this much goes without waiting.
  private static let pieceOfStream = 512
  private static let pieceOfSocket = 64 << 10

  /// A line over descriptors that stay the caller's; a socket is non-blocking.
  init(input: Int32, output: Int32, isSocket: Bool) {
    (self.input, self.output, self.isSocket) = (input, output, isSocket)
  }

  func begin(_ rings: Rings) {
    // A regular file cannot be watched, and is always ready.
    _ = rings.watch(input, StreamLine.inputToken, Ready.input | (isSocket ? Ready.output : 0) | Ready.edge)
    if output != input { _ = rings.watch(output, StreamLine.outputToken, Ready.output | Ready.edge) }
  }

  /// Ends the watches; the descriptors may be closed.
  func end(_ rings: Rings) {
    rings.unwatch(input)
    if output != input { rings.unwatch(output) }
  }

  func ready(_ token: UInt32, _ events: UInt32, _ rings: Rings) {}

  func hasInput() -> Bool { !isOver && isReady(input, Poll.input) }

  func fill(_ chain: borrowing DescriptorChain) -> Int {
    guard let first = chain.writable.first else { return 0 }
    let count = atoll_read(input, first.base, UInt(first.count))
    if count == 0 || (count < 0 && !StreamLine.isTransient(count)) { isOver = true }
    return max(0, count)
  }

  func delivered(_ count: Int) {}

  func hasRoom() -> Bool { isMuted || isReady(output, Poll.output) }

  func resume(_ chain: borrowing DescriptorChain) -> Int { 0 }

  func take(_ chain: borrowing DescriptorChain, from offset: Int, limit: Int) -> Int {
    ReadablePart.forEach(chain, from: offset, limit: limit) { write($0) }
  }

  func flush() {}
  func forget() {}

  /// Writes until the other side takes no more; a side that is gone takes everything.
  private func write(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    var done = 0
    while done < bytes.count, !isMuted {
      let piece = UInt(min(bytes.count - done, isSocket ? StreamLine.pieceOfSocket : StreamLine.pieceOfStream))
      guard isSocket || isReady(output, Poll.output) else { return done }
      let result =
        isSocket ? atoll_send(output, base + done, piece, nil, 0, 0) : atoll_write(output, base + done, piece)
      if result < 0, StreamLine.isTransient(result) { return done }
      if result < 0 { isMuted = true } else { done += result }
    }
    return isMuted ? bytes.count : done
  }

  private func isReady(_ descriptor: Int32, _ events: Int16) -> Bool {
    var (number, wanted, found) = (descriptor, events, Int16(0))
    return atoll_poll(&number, &wanted, &found, 1, 0) > 0
  }

  private static func isTransient(_ result: Int) -> Bool {
    result == -Int(Errno.again) || result == -Int(Errno.interrupted)
  }
}
