// Packets of a socket device (virtio 1.3, 5.10.6). Deliberately absent: SEQPACKET, which is not offered.

/// What a packet is about.
public enum VsockOperation: UInt16, Sendable {
  case request = 1
  case response = 2
  case reset = 3
  case shutdown = 4
  case data = 5
  case creditUpdate = 6
  case creditRequest = 7
}

/// `struct virtio_vsock_hdr`: 44 bytes before the payload.
public struct VsockHeader: Sendable, Equatable {
  /// Bytes on the ring.
  public static let size = 44
  /// The host's address (5.10.4).
  public static let hostCID: UInt64 = 2
  /// `type` of a stream; the only one there is here.
  public static let stream: UInt16 = 1
  /// `flags` of a shutdown: the sender will receive no more, and send no more.
  public static let noMoreReceive: UInt32 = 1
  public static let noMoreSend: UInt32 = 2

  public var sourceCID: UInt64
  public var destinationCID: UInt64
  public var sourcePort: UInt32
  public var destinationPort: UInt32
  /// Bytes of payload.
  public var length: UInt32 = 0
  public var type = VsockHeader.stream
  /// `VsockOperation.rawValue`, or what the guest wrote.
  public var operation: UInt16
  public var flags: UInt32 = 0
  /// The sender's receive buffer, and how much of it was ever emptied (5.10.6.3).
  public var bufferSize: UInt32 = 0
  public var forwarded: UInt32 = 0

  /// A packet from the host to port `guestPort` of the guest `cid`.
  public init(to cid: UInt64, hostPort: UInt32, guestPort: UInt32, _ operation: VsockOperation) {
    (sourceCID, destinationCID) = (VsockHeader.hostCID, cid)
    (sourcePort, destinationPort) = (hostPort, guestPort)
    self.operation = operation.rawValue
  }

  /// Reads the header that the guest wrote; any 44 bytes are one.
  public init(_ bytes: InlineArray<44, UInt8>) {
    func number(_ at: Int, _ count: Int) -> UInt64 {
      var value: UInt64 = 0
      for index in 0..<count { value |= UInt64(bytes[at + index]) << UInt64(8 * index) }
      return value
    }
    sourceCID = number(0, 8)
    destinationCID = number(8, 8)
    sourcePort = UInt32(truncatingIfNeeded: number(16, 4))
    destinationPort = UInt32(truncatingIfNeeded: number(20, 4))
    length = UInt32(truncatingIfNeeded: number(24, 4))
    type = UInt16(truncatingIfNeeded: number(28, 2))
    operation = UInt16(truncatingIfNeeded: number(30, 2))
    flags = UInt32(truncatingIfNeeded: number(32, 4))
    bufferSize = UInt32(truncatingIfNeeded: number(36, 4))
    forwarded = UInt32(truncatingIfNeeded: number(40, 4))
  }

  /// The bytes on the ring.
  public var bytes: InlineArray<44, UInt8> {
    var all = InlineArray<44, UInt8>(repeating: 0)
    func put(_ value: UInt64, _ at: Int, _ count: Int) {
      for index in 0..<count { all[at + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
    put(sourceCID, 0, 8)
    put(destinationCID, 8, 8)
    put(UInt64(sourcePort), 16, 4)
    put(UInt64(destinationPort), 20, 4)
    put(UInt64(length), 24, 4)
    put(UInt64(type), 28, 2)
    put(UInt64(operation), 30, 2)
    put(UInt64(flags), 32, 4)
    put(UInt64(bufferSize), 36, 4)
    put(UInt64(forwarded), 40, 4)
    return all
  }
}
