// The UART's two queues: TI PC16550D 8.11. No allocation: 16 bytes in place.

/// At most 16 bytes, first in, first out.
struct ByteFIFO: Sendable {
  static let capacity = 16

  private var storage = InlineArray<16, UInt8>(repeating: 0)
  private var start = 0
  /// How many bytes wait, 0...16.
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  /// The byte that is `index` places behind the oldest; meaningful for index < count.
  subscript(index: Int) -> UInt8 { storage[(start &+ index) & 15] }

  /// False, and nothing happens, if the queue is full.
  mutating func append(_ byte: UInt8) -> Bool {
    guard count < Self.capacity else { return false }
    storage[(start &+ count) & 15] = byte
    count += 1
    return true
  }

  mutating func removeFirst() -> UInt8? {
    guard count > 0 else { return nil }
    let byte = storage[start]
    start = (start &+ 1) & 15
    count -= 1
    return byte
  }

  mutating func removeAll() {
    start = 0
    count = 0
  }
}

/// The receiving half: bytes that wait for the guest, each of which may be a break, and the overrun error.
struct Receiver: Sendable {
  var bytes = ByteFIFO()
  /// Bit n: the byte n places behind the oldest is a break that was not reported yet. Bits at and above `bytes.count` are 0.
  var breaks: UInt16 = 0
  /// A byte arrived that found no room; cleared by a read of LSR.
  var overrun = false

  /// The oldest byte is a break: 8.4 reveals it when the byte reaches the head of the queue.
  var breakAtHead: Bool { breaks & 1 != 0 }

  /// A byte from the line. Beyond `capacity` the FIFO keeps what it has, and the single buffer of the 16450 mode is overwritten: 8.4.
  mutating func accept(_ byte: UInt8, isBreak: Bool = false, capacity: Int) {
    if bytes.count >= capacity {
      overrun = true
      guard capacity == 1 else { return }
      removeAll()
    }
    if isBreak { breaks |= 1 << UInt16(bytes.count) }
    _ = bytes.append(byte)
  }

  /// The oldest byte, for the guest; 0 if there is none.
  mutating func take() -> UInt8 {
    breaks >>= 1
    return bytes.removeFirst() ?? 0
  }

  mutating func removeAll() {
    bytes.removeAll()
    breaks = 0
  }
}
