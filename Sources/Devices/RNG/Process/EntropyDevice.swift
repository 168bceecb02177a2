import CSystem
import RNGModel
import VhostDevice
import Virtqueue

/// virtio-rng: the host's random bytes, straight into the guest's buffers (virtio 1.3, 5.4). No configuration space, no
/// feature bits, no state.
struct EntropyDevice: VirtioBackEnd, ~Copyable {
  static var deviceID: UInt32 { 4 }
  var queueCount: Int { 1 }
  var queueSize: UInt16 { 256 }
  var features: UInt64 { 0 }
  private var chain = DescriptorChain(capacity: 256)

  mutating func serve(_ queue: Int, _ rings: Rings) {
    var budget = EntropyBudget()
    while budget.isLeft, rings.pop(queue, into: &chain) {
      rings.push(queue, chain.token, written: fill(budget.grant(writable: chain.writableBytes)))
    }
  }

  /// Puts `count` random bytes into the chain; fewer only if the host refuses.
  private borrowing func fill(_ count: Int) -> Int {
    var done = 0
    for segment in chain.writable where done < count {
      let wanted = min(segment.count, count - done)
      let got = EntropyDevice.random(segment.base, wanted)
      done += got
      if got < wanted { break }
    }
    return done
  }

  /// getrandom(2) gives less than asked for when a signal comes or more than 32 MiB are wanted.
  private static func random(_ base: UnsafeMutableRawPointer, _ count: Int) -> Int {
    var done = 0
    while done < count {
      let got = atoll_random(base + done, UInt(count - done))
      guard got > 0 else { break }
      done += got
    }
    return done
  }
}
