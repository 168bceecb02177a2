// One connection between a port of the guest and a socket of the host: state and credit (virtio 1.3, 5.10.6.3), no socket.

/// A connection as this side sees it.
public struct VsockConnection: Sendable {
  public enum State: Sendable {
    /// The guest asked; the host's socket is not connected yet.
    case connecting
    /// The host asked; the guest has not answered yet.
    case requested
    case open
    /// Reset or both directions shut: it is forgotten as soon as the guest has been told what it is owed.
    case closed
  }

  /// What the guest is to be told, in this order of urgency.
  public struct Owed: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let request = Owed(rawValue: 1)
    public static let response = Owed(rawValue: 2)
    public static let creditUpdate = Owed(rawValue: 4)
    public static let shutdown = Owed(rawValue: 8)
    public static let reset = Owed(rawValue: 16)
  }

  public let hostPort: UInt32
  public let guestPort: UInt32
  public internal(set) var state: State
  public internal(set) var owed: Owed = []
  /// The guest will send no more, and receive no more.
  public internal(set) var guestStoppedSending = false
  public internal(set) var guestStoppedReceiving = false
  /// The host's socket has ended: no more data from there.
  public internal(set) var hostEnded = false

  /// Bytes ever sent to the guest, and what it said it has room for and has emptied. All wrap.
  var sent: UInt32 = 0
  var guestBuffer: UInt32 = 0
  var guestForwarded: UInt32 = 0
  /// Bytes ever received from the guest and ever passed on to the host's socket, and the latter as it was last told.
  var received: UInt32 = 0
  var passedOn: UInt32 = 0
  var told: UInt32 = 0

  /// Bytes of the guest that may wait here for the host's socket.
  public static let buffer: UInt32 = 256 << 10

  init(hostPort: UInt32, guestPort: UInt32, state: State) {
    (self.hostPort, self.guestPort, self.state) = (hostPort, guestPort, state)
  }

  /// Bytes that may be sent to the guest now.
  public var credit: Int {
    guard state == .open, !guestStoppedReceiving else { return 0 }
    let inFlight = sent &- guestForwarded
    return inFlight < guestBuffer ? Int(guestBuffer - inFlight) : 0
  }

  /// Bytes of the guest that wait for the host's socket.
  public var waiting: Int { Int(received &- passedOn) }

  mutating func hear(_ header: VsockHeader) {
    guestBuffer = header.bufferSize
    guestForwarded = header.forwarded
  }
}
