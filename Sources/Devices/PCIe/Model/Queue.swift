/// A virtqueue as the driver set it up through the common configuration (virtio 4.1.4.3).
public struct Queue: Equatable, Sendable {
  /// No vector: the queue sends no interrupts.
  public static let noVector: UInt16 = 0xffff

  /// Descriptors.
  public internal(set) var size = PCIeLimits.queueSize
  /// MSI-X vector, or `noVector`.
  public internal(set) var vector = Queue.noVector
  /// The driver said that it is set up.
  public internal(set) var enabled = false
  /// Guest physical addresses of descriptor area, driver area (available ring) and device area (used ring).
  public internal(set) var descriptors: UInt64 = 0
  public internal(set) var driver: UInt64 = 0
  public internal(set) var device: UInt64 = 0

  /// Whether the areas are aligned as virtio 2.7 (split) and 2.8.10.1 (packed) ask.
  func isAligned(packed: Bool) -> Bool {
    descriptors & 15 == 0 && driver & (packed ? 3 : 1) == 0 && device & 3 == 0
  }

  /// A size that a driver may choose: a split ring's is a power of two (virtio 2.7), a packed ring's is not (2.8.10.1).
  static func allows(size: UInt16, packed: Bool) -> Bool {
    size >= 1 && size <= PCIeLimits.queueSize && (packed || size & (size - 1) == 0)
  }
}
