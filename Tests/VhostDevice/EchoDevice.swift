import System
import VhostDevice
import Virtqueue

/// A device that copies what it reads to what it writes, at once or when it is told to, and remembers what it was asked.
struct EchoDevice: VirtioBackEnd, ~Copyable {
  static var deviceID: UInt32 { 42 }
  /// What the test looks at and sets; outside, because the loop owns the device.
  final class Notes {
    var holds = false
    /// Takes nothing, like a network card without packets.
    var refuses = false
    /// The next `poll` has found something.
    var hasPolled = false
    var held: [(queue: Int, chain: Held)] = []
    var started: [UInt64] = []
    var stopped: [Int] = []
    var resets = 0
    var config: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    var state: [UInt8] = Array("state".utf8)
    var serves = 0
    /// Requests, by their first byte, in the order taken.
    var seen: [UInt8] = []
  }
  struct Held {
    var token: ChainToken
    var written: Int
  }

  let notes: Notes
  let queues: Int
  var queueCount: Int { queues }
  var queueSize: UInt16 { 64 }
  var features: UInt64 { 1 }
  private var chain = DescriptorChain(capacity: 16)

  init(_ notes: Notes, queues: Int) { (self.notes, self.queues) = (notes, queues) }

  func config() -> [UInt8] { notes.config }
  /// The first half is writable.
  mutating func setConfig(offset: Int, _ bytes: [UInt8]) -> Bool {
    guard offset + bytes.count <= 4 else { return false }
    notes.config.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    return true
  }
  mutating func start(features: UInt64) { notes.started.append(features) }
  mutating func serve(_ queue: Int, _ rings: Rings) {
    notes.serves += 1
    guard !notes.refuses else { return }
    while rings.pop(queue, into: &chain) {
      var buffer = [UInt8](repeating: 0, count: min(chain.readableBytes, 4096))
      let count = buffer.withUnsafeMutableBytes { chain.read(at: 0, into: $0) }
      notes.seen.append(count > 0 ? buffer[0] : 0)
      let written = buffer.withUnsafeBytes { chain.write(at: 0, from: $0) }
      if notes.holds {
        notes.held.append((queue, Held(token: chain.token, written: written)))
      } else {
        rings.push(queue, chain.token, written: written)
      }
    }
  }
  mutating func poll(_ rings: Rings) -> Bool {
    defer { notes.hasPolled = false }
    return notes.hasPolled
  }
  mutating func stop(_ queue: Int, _ rings: Rings) {
    notes.stopped.append(queue)
    for held in notes.held where held.queue == queue {
      rings.push(queue, held.chain.token, written: held.chain.written)
    }
    notes.held.removeAll { $0.queue == queue }
  }
  mutating func reset() { notes.resets += 1 }
  func saveState() -> [UInt8] { notes.state }
  mutating func loadState(_ bytes: [UInt8]) -> Bool {
    guard bytes.count < 100 else { return false }
    notes.state = bytes
    return true
  }
}
