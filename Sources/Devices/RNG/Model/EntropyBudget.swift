/// How much of the host's randomness a guest gets, and when (virtio 1.3, 5.4.6): each buffer gets at least one byte and may
/// get fewer than it holds, so that neither a huge buffer nor a full ring keeps the process from everything else.
public struct EntropyBudget: Sendable, Equatable {
  /// Bytes that one buffer gets at most.
  public static let bytesPerBuffer = 64 << 10
  /// Bytes that one turn over the ring gives at most; what is left waits for the next turn.
  public static let bytesPerTurn = 256 << 10
  /// Buffers that one turn serves at most: empty ones cost time too.
  public static let buffersPerTurn = 64

  private var bytes = 0
  private var buffers = 0

  /// The budget of a new turn.
  public init() {}

  /// Whether another buffer may be taken.
  public var isLeft: Bool { bytes < EntropyBudget.bytesPerTurn && buffers < EntropyBudget.buffersPerTurn }

  /// How many bytes a buffer with `writable` writable bytes gets. Readable parts, which the driver must not offer
  /// (5.4.6.1), are passed over; a buffer without a writable part gets nothing and is given back.
  public mutating func grant(writable: Int) -> Int {
    let granted = min(max(0, writable), EntropyBudget.bytesPerBuffer)
    buffers += 1
    bytes += granted
    return granted
  }
}
