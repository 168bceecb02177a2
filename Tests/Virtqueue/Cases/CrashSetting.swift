import System
import Testing
import Virtqueue
import VirtqueueDriver

/// Where the ring of the tests of dying is, and the scripts that they play.
struct CrashSetting: Sendable {
  /// Bytes of guest memory.
  static let memorySize = 64 << 10
  /// Layout of the ring.
  var isPacked: Bool
  /// Descriptors of the ring.
  var size: UInt16
  /// Entries of the log.
  var entries: UInt16

  /// A setting.
  init(isPacked: Bool, size: UInt16, entries: UInt16) {
    (self.isPacked, self.size, self.entries) = (isPacked, size, entries)
  }

  /// Bytes of the log.
  var logSize: Int { InflightArea.size(queues: 1, queueSize: entries, packed: isPacked) }

  /// The driver in fresh memory; a split ring's indices are about to wrap around.
  func driver(_ memory: DriverMemory) -> RingDriver? {
    RingDriver(size: size, packed: isPacked, tableEntries: 3, first: 0xfffe, in: memory)
  }

  /// The device's end, taking over what the log says.
  func ring(_ driver: RingDriver, _ guest: GuestMemory, _ log: InflightArea) throws(VirtqueueError) -> Virtqueue {
    try Virtqueue(
      size: size, addresses: driver.addresses,
      features: RingFeature.indirect | (isPacked ? RingFeature.packed : 0), base: driver.firstBase, memory: guest,
      log: log)
  }

  /// Plays a script: `p` pop, `u` put the last one back, a digit: push the n-th chain held, `B` push all of them as one batch.
  static func play(
    _ script: String, _ ring: inout Virtqueue, _ held: inout [ChainToken]
  ) throws(VirtqueueError) {
    var chain = DescriptorChain(capacity: 16)
    for step in script.utf8 {
      switch step {
      case UInt8(ascii: "p"):
        if try ring.pop(into: &chain) { held.append(chain.token) }
      case UInt8(ascii: "B"):
        // In an order of its own, as any batch may be.
        let batch = held.reversed().map { Completion(token: $0, written: 1) }
        batch.withUnsafeBufferPointer { ring.push($0) }
        held = []
      case UInt8(ascii: "u"):
        if let last = held.popLast() { _ = ring.unpop(last) }
      default:
        let index = Int(step) - Int(UInt8(ascii: "0"))
        if held.indices.contains(index) { ring.push(held.remove(at: index), written: 1) }
      }
    }
  }
}
