import CSystem

/// The host's clocks in nanoseconds.
public enum Clock {
  /// Monotonic time since an arbitrary start.
  public static var monotonic: Int64 { Int64(atoll_clock_ns(1)) }
  /// Nanoseconds since 1970-01-01 UTC.
  public static var realtime: Int64 { Int64(atoll_clock_ns(0)) }
}

/// A timer that makes a descriptor readable at a monotonic deadline.
public struct TimerDescriptor: ~Copyable, Sendable {
  /// The descriptor to poll.
  public let descriptor: FileDescriptor

  public init() throws(SystemError) {
    descriptor = FileDescriptor(owning: try SystemError.check("timerfd", atoll_timerfd()))
  }

  /// Fires at the monotonic `deadline` (ns), or never.
  public borrowing func arm(_ deadline: Int64?) {
    _ = atoll_timerfd_set(descriptor.raw, Int(deadline.map { max(1, $0) } ?? 0))
  }

  /// Forgets expirations that have happened.
  public borrowing func drain() { _ = atoll_eventfd_drain(descriptor.raw) }
}
