import VhostDevice
import Virtqueue

/// What a network card is plugged into. The card moves frames with a 12-byte header before each; one thread.
protocol NetLink: ~Copyable {
  /// Feature bits that this link can keep (`NetFeature`).
  var features: UInt64 { get }
  /// Pairs of queues, from 1.
  var pairs: UInt16 { get }
  /// The driver's choice: what it accepts and what it will send.
  mutating func start(features: UInt64)
  /// The driver takes these offloads from now on (`NetFeature.guest…`).
  mutating func setOffloads(_ features: UInt64)
  /// The driver uses this many pairs from now on.
  mutating func setPairs(_ count: UInt16)
  /// Begins to wait for frames; called once, before everything else that moves frames.
  mutating func watch(_ rings: Rings)
  /// Sends the readable part of `chain`, header first. False: the frame is lost.
  mutating func send(_ chain: borrowing DescriptorChain, pair: Int) -> Bool
  /// Receives one frame into `segments`, header first; its bytes, or nil if none waits.
  mutating func receive(into segments: UnsafeMutableBufferPointer<Segment>, pair: Int) -> Int?
  /// The descriptor watched under `token` is ready. Which pairs may have frames now: bit i is pair i.
  mutating func ready(_ token: UInt32) -> UInt32
  /// Monotonic time of the next `elapse`; nil: never.
  var deadline: Int64? { get }
  /// As `ready`.
  mutating func elapse(now: Int64) -> UInt32
  /// After a batch of `send`: replies may have come. As `ready`.
  mutating func settle() -> UInt32
}
