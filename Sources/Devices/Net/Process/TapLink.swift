import CSystem
import NetModel
import System
import VhostDevice
import Virtqueue

/// A tap of the host's kernel, one descriptor for each pair of queues. Frames go between guest memory and kernel without a
/// stop: one system call each, the chain's segments are its vector.
struct TapLink: ~Copyable, NetLink {
  private let taps: [Int32]

  /// Takes descriptors that `atoll_tap_open` made, for good.
  init(_ taps: [Int32]) { self.taps = taps }

  var features: UInt64 { NetFeature.tap }
  var pairs: UInt16 { UInt16(truncatingIfNeeded: taps.count) }
  var deadline: Int64? { nil }

  mutating func start(features: UInt64) {
    setOffloads(features)
    setPairs(1)
  }

  mutating func setOffloads(_ features: UInt64) {
    // TUN_F_CSUM, TSO4, TSO6, TSO_ECN (linux/if_tun.h); the last three need the first.
    var bits: UInt32 = 0
    if features & NetFeature.guestChecksum != 0 {
      bits = 1
      if features & NetFeature.guestTSO4 != 0 { bits |= 2 }
      if features & NetFeature.guestTSO6 != 0 { bits |= 4 }
      if features & NetFeature.guestECN != 0, bits & 6 != 0 { bits |= 8 }
    }
    for tap in taps where atoll_tap_offload(tap, bits) < 0 {
      Log.line("atoll-net: the tap refuses offloads \(bits): the guest gets every segment of its own")
      _ = atoll_tap_offload(tap, 0)
    }
  }

  mutating func setPairs(_ count: UInt16) {
    // A queue that is off gets no frames from the kernel. EINVAL says that it is as asked already.
    guard taps.count > 1 else { return }
    for (index, tap) in taps.enumerated() { _ = atoll_tap_enable(tap, index < Int(count) ? 1 : 0) }
  }

  mutating func watch(_ rings: Rings) {
    for (index, tap) in taps.enumerated() { rings.watch(tap, UInt32(index), Ready.input | Ready.edge) }
  }

  mutating func send(_ chain: borrowing DescriptorChain, pair: Int) -> Bool {
    let part = chain.readable
    return atoll_tap_send(taps[pair], part.baseAddress, Int32(part.count)) >= 0
  }

  mutating func receive(into segments: UnsafeMutableBufferPointer<Segment>, pair: Int) -> Int? {
    let count = atoll_tap_receive(taps[pair], segments.baseAddress, Int32(segments.count))
    return count > 0 ? count : nil
  }

  mutating func ready(_ token: UInt32) -> UInt32 { 1 << token }
  mutating func elapse(now: Int64) -> UInt32 { 0 }
  mutating func settle() -> UInt32 { 0 }
}
