import ConsoleModel
import VhostDevice
import Virtqueue

/// virtio-console with one port: receiveq 0, transmitq 1 (virtio 1.3, 5.3.2).
struct ConsoleDevice: VirtioBackEnd, ~Copyable {
  static var deviceID: UInt32 { 3 }
  private static var receiveQueue: Int { 0 }
  private static var transmitQueue: Int { 1 }
  /// Chains, or pieces of them, of one turn.
  private static var budget: Int { 64 }
  /// Bytes of a piece: a guest's chain of 4 GiB must not keep the process from everything else.
  private static var piece: Int { 64 << 10 }

  private let configuration: ConsoleConfiguration
  private let line: any ConsoleLine
  private var received = DescriptorChain(capacity: 256)
  private var sending = DescriptorChain(capacity: 256)
  /// Bytes of `sending` that the line has; nil: there is no such chain.
  private var sent: Int?
  /// How much the line has of a chain that went back into its ring when that stopped.
  private var interrupted: (place: UInt16, sent: Int)?
  /// A turn ended in the middle of a chain, though the line takes more.
  private var isBusy = false
  private var hasBegun = false

  init(_ configuration: ConsoleConfiguration, _ line: any ConsoleLine) {
    (self.configuration, self.line) = (configuration, line)
  }

  var queueCount: Int { 2 }
  var queueSize: UInt16 { 256 }
  var features: UInt64 { configuration.features }
  func config() -> [UInt8] { configuration.bytes }

  mutating func serve(_ queue: Int, _ rings: Rings) {
    if !hasBegun { line.begin(rings) }
    hasBegun = true
    if queue == ConsoleDevice.receiveQueue { receive(rings) } else { transmit(rings) }
    line.flush()
  }

  mutating func ready(_ token: UInt32, _ events: UInt32, _ rings: Rings) {
    line.ready(token, events, rings)
    receive(rings)
    transmit(rings)
    line.flush()
  }

  /// A chain is taken only when there are bytes for it, so that none waits here.
  private mutating func receive(_ rings: Rings) {
    for _ in 0..<ConsoleDevice.budget {
      guard line.hasInput(), rings.pop(ConsoleDevice.receiveQueue, into: &received) else { return }
      let count = line.fill(received)
      if count == 0, received.writableBytes > 0 {
        _ = rings.unpop(ConsoleDevice.receiveQueue, received.token)
        continue
      }
      rings.push(ConsoleDevice.receiveQueue, received.token, written: count)
      line.delivered(count)
    }
  }

  private mutating func transmit(_ rings: Rings) {
    isBusy = false
    for _ in 0..<ConsoleDevice.budget {
      if sent == nil {
        guard line.hasRoom(), rings.pop(ConsoleDevice.transmitQueue, into: &sending) else { return }
        sent = resume()
      }
      let done = sent ?? 0
      let taken = line.take(sending, from: done, limit: ConsoleDevice.piece)
      sent = done + taken
      if done + taken >= sending.readableBytes {
        rings.push(ConsoleDevice.transmitQueue, sending.token, written: 0)
        sent = nil
      } else if taken == 0 {
        return
      }
    }
    isBusy = sent != nil
  }

  private mutating func resume() -> Int {
    let noted = line.resume(sending)
    guard let chain = interrupted.take(), chain.place == sending.usedPlace else { return noted }
    return min(chain.sent, sending.readableBytes)
  }

  var deadline: Int64? { isBusy ? 0 : nil }

  mutating func elapse(now: Int64, _ rings: Rings) {
    transmit(rings)
    line.flush()
  }

  /// A chain that waits for room goes back into its ring; when it is popped again the line gets the rest of it.
  mutating func stop(_ queue: Int, _ rings: Rings) {
    guard queue == ConsoleDevice.transmitQueue, let done = sent else { return }
    if rings.unpop(queue, sending.token) {
      interrupted = (sending.usedPlace, done)
    } else {
      rings.push(queue, sending.token, written: 0)
    }
    (sent, isBusy) = (nil, false)
  }

  mutating func reset() {
    (sent, interrupted, isBusy) = (nil, nil, false)
    line.forget()
  }
}
