import VhostDevice
import Virtqueue

/// Nobody at the other end: a console that a machine has while its terminal is elsewhere. The guest's bytes go nowhere.
final class NullLine: ConsoleLine {
  func begin(_ rings: Rings) {}
  func ready(_ token: UInt32, _ events: UInt32, _ rings: Rings) {}
  func hasInput() -> Bool { false }
  func fill(_ chain: borrowing DescriptorChain) -> Int { 0 }
  func delivered(_ count: Int) {}
  func hasRoom() -> Bool { true }
  func resume(_ chain: borrowing DescriptorChain) -> Int { chain.readableBytes }
  func take(_ chain: borrowing DescriptorChain, from offset: Int, limit: Int) -> Int { 0 }
  func flush() {}
  func forget() {}
}
