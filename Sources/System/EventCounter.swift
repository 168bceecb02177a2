import CSystem

/// An eventfd: one side signals, the other drains. The currency of doorbells and interrupts.
public struct EventCounter: ~Copyable, Sendable {
  /// The descriptor, for polling and for handing to another process.
  public let descriptor: FileDescriptor

  /// A new eventfd with count 0.
  public init() throws(SystemError) {
    descriptor = FileDescriptor(owning: try SystemError.check("eventfd", atoll_eventfd()))
  }

  /// Takes over an eventfd received from another process.
  public init(owning descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// Whether a descriptor from a peer may be signalled: an eventfd whose holder made it non-blocking.
  public static func neverBlocks(_ descriptor: borrowing FileDescriptor) -> Bool {
    atoll_eventfd_check(descriptor.raw) == 0
  }

  /// Adds 1. A full counter is as good as signalled; a closed one is the peer's loss: neither is an error here.
  public borrowing func signal() { _ = atoll_eventfd_signal(descriptor.raw) }

  /// Takes the count and resets it; 0 if nothing was signalled.
  @discardableResult
  public borrowing func drain() -> Int { max(0, atoll_eventfd_drain(descriptor.raw)) }
}
