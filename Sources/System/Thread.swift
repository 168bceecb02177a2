import CSystem

/// Threads for vCPUs and pollers.
public enum Thread {
  /// Runs `body` on a new detached thread with every signal blocked.
  public static func start(stack: Int = 256 << 10, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let box = Unmanaged.passRetained(Box(body))
    let result = atoll_thread_start(
      { raw in
        guard let raw else { return }
        Unmanaged<Box>.fromOpaque(raw).takeRetainedValue().body()
      }, box.toOpaque(), UInt(stack))
    if result < 0 {
      box.release()
      throw SystemError("start of a thread", -result)
    }
  }

  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}
