// The connections of a guest: what its packets and the host's sockets do to them. Knows no socket, ring or clock: the driver
// of this model carries out what is returned, and asks for the packets that the guest is owed.

/// What a packet of the guest asks of the host's side.
public enum VsockAction: Sendable, Equatable {
  case nothing
  /// Connect a socket for connection `index`, which goes to the packet's destination port.
  case connect(index: Int)
  /// The guest accepted connection `index`, which the host had asked for.
  case accepted(index: Int)
  /// Pass the packet's payload on to the socket of connection `index`.
  case deliver(index: Int)
  /// The guest will send no more on connection `index`: shut the socket's writing half when everything is passed on.
  case finish(index: Int)
  /// Close the socket of connection `index`; what waits for it is lost.
  case close(index: Int)
}

/// All connections of one guest.
public struct VsockConnections: ~Copyable {
  /// Connections at the same time; further ones are refused.
  public static let limit = 256
  /// Answers to packets that belong to no connection, which may wait for a receive buffer.
  static let strayLimit = 256

  /// The guest's address.
  public let cid: UInt64
  private var slots: [VsockConnection?]
  private var strays: [VsockHeader] = []
  private var nextPort: UInt32 = 1 << 30
  /// Where the search for the next owed packet begins, so that each connection gets its turn.
  private var turn = 0

  public init(cid: UInt64) {
    self.cid = cid
    slots = Array(repeating: nil, count: Self.limit)
    strays.reserveCapacity(Self.strayLimit)
  }

  /// The connection `index`; nil if there is none.
  public subscript(index: Int) -> VsockConnection? {
    index >= 0 && index < slots.count ? slots[index] : nil
  }

  /// False: no packet of the guest may be taken until it has made room for answers.
  public var takesPackets: Bool { strays.count < Self.strayLimit }

  // MARK: packets of the guest

  /// A packet of the guest whose payload has `payload` bytes in the chain. Anything that is not right is answered by a
  /// reset, as the specification asks.
  public mutating func packet(_ header: VsockHeader, payload: Int) -> VsockAction {
    guard header.sourceCID == cid else { return .nothing }
    let index = find(hostPort: header.destinationPort, guestPort: header.sourcePort)
    guard header.destinationCID == VsockHeader.hostCID, header.type == VsockHeader.stream,
      let operation = VsockOperation(rawValue: header.operation), Int(header.length) == payload
    else { return refuse(header, index) }
    guard let index else { return operation == .request ? open(header) : refuse(header, nil) }
    slots[index]?.hear(header)
    return handle(operation, header, index)
  }

  private mutating func handle(_ operation: VsockOperation, _ header: VsockHeader, _ index: Int) -> VsockAction {
    switch operation {
    case .request: return refuse(header, index)
    case .response:
      guard slots[index]?.state == .requested else { return refuse(header, index) }
      slots[index]?.state = .open
      return .accepted(index: index)
    case .reset:
      slots[index] = nil
      return .close(index: index)
    case .shutdown: return shutDown(header.flags, index)
    case .data: return data(header, index)
    case .creditUpdate: return .nothing
    case .creditRequest:
      slots[index]?.owed.insert(.creditUpdate)
      return .nothing
    }
  }

  private mutating func open(_ header: VsockHeader) -> VsockAction {
    guard let index = slots.firstIndex(where: { $0 == nil }) else { return refuse(header, nil) }
    var connection = VsockConnection(
      hostPort: header.destinationPort, guestPort: header.sourcePort, state: .connecting)
    connection.hear(header)
    slots[index] = connection
    return .connect(index: index)
  }

  private mutating func data(_ header: VsockHeader, _ index: Int) -> VsockAction {
    guard let connection = slots[index], connection.state == .open, !connection.guestStoppedSending,
      connection.waiting + Int(header.length) <= Int(VsockConnection.buffer)
    else { return refuse(header, index) }
    slots[index]?.received &+= header.length
    return .deliver(index: index)
  }

  private mutating func shutDown(_ flags: UInt32, _ index: Int) -> VsockAction {
    guard slots[index]?.state == .open else { return reset(index) }
    if flags & VsockHeader.noMoreReceive != 0 { slots[index]?.guestStoppedReceiving = true }
    if flags & VsockHeader.noMoreSend != 0 { slots[index]?.guestStoppedSending = true }
    return slots[index]?.guestStoppedSending == true ? .finish(index: index) : .nothing
  }

  private mutating func refuse(_ header: VsockHeader, _ index: Int?) -> VsockAction {
    if let index { return reset(index) }
    // A reset is never answered with one: two sides would do it for ever.
    guard header.operation != VsockOperation.reset.rawValue, takesPackets else { return .nothing }
    var answer = VsockHeader(
      to: cid, hostPort: header.destinationPort, guestPort: header.sourcePort, .reset)
    answer.type = header.type
    answer.sourceCID = header.destinationCID
    strays.append(answer)
    return .nothing
  }

  private mutating func reset(_ index: Int) -> VsockAction {
    end(index)
    return .close(index: index)
  }

  private func find(hostPort: UInt32, guestPort: UInt32) -> Int? {
    slots.firstIndex { $0.map { $0.hostPort == hostPort && $0.guestPort == guestPort && $0.state != .closed } ?? false }
  }

  // MARK: the host's side

  /// Somebody on the host wants to reach port `guestPort`; nil if there are too many connections.
  public mutating func request(guestPort: UInt32) -> Int? {
    guard let index = slots.firstIndex(where: { $0 == nil }) else { return nil }
    repeat { nextPort = nextPort == .max - 1 ? 1 << 30 : nextPort + 1 } while find(
      hostPort: nextPort, guestPort: guestPort) != nil
    var connection = VsockConnection(hostPort: nextPort, guestPort: guestPort, state: .requested)
    connection.owed = .request
    slots[index] = connection
    return index
  }

  /// The socket for a connection of the guest is connected.
  public mutating func connected(_ index: Int) {
    guard slots[index]?.state == .connecting else { return }
    slots[index]?.state = .open
    slots[index]?.owed.insert(.response)
  }

  /// The connection is over, at once: nobody listens on the host, or its socket broke, or a rule was broken.
  public mutating func end(_ index: Int) {
    guard slots[index] != nil else { return }
    slots[index]?.state = .closed
    slots[index]?.owed = .reset
  }

  /// `count` bytes of the guest went to the socket.
  public mutating func passedOn(_ index: Int, _ count: Int) {
    guard var connection = slots[index] else { return }
    connection.passedOn &+= UInt32(clamping: count)
    // The guest must not believe for long that the buffer is fuller than it is.
    let free = VsockConnection.buffer &- (connection.received &- connection.told)
    if connection.passedOn != connection.told, free < VsockConnection.buffer / 2 { connection.owed.insert(.creditUpdate) }
    slots[index] = connection
  }

  /// The socket has no more to say.
  public mutating func hostEnded(_ index: Int) {
    guard slots[index]?.state == .open, slots[index]?.hostEnded == false else { return }
    slots[index]?.hostEnded = true
    slots[index]?.owed.insert(.shutdown)
  }

  /// Everything of the guest is passed on and it will send no more: with the other direction over too, that is the end.
  public mutating func finished(_ index: Int) -> Bool {
    guard let connection = slots[index], connection.guestStoppedSending, connection.waiting == 0 else { return false }
    guard connection.guestStoppedReceiving || connection.hostEnded else { return false }
    end(index)
    return true
  }

  // MARK: packets for the guest

  /// Whether the guest is owed a packet.
  public var owesPackets: Bool { !strays.isEmpty || slots.contains { $0.map { !$0.owed.isEmpty } ?? false } }

  /// The next packet that the guest is owed and that has no payload; nil if there is none.
  public mutating func nextPacket() -> VsockHeader? {
    if !strays.isEmpty { return strays.removeFirst() }
    for step in 0..<slots.count {
      let index = (turn + step) % slots.count
      guard let connection = slots[index], !connection.owed.isEmpty else { continue }
      turn = index + 1
      return take(connection, index)
    }
    return nil
  }

  private mutating func take(_ connection: VsockConnection, _ index: Int) -> VsockHeader {
    let (what, operation) = VsockConnections.urgent(connection.owed)
    slots[index]?.owed.remove(what)
    var header = self.header(index, operation) ?? VsockHeader(to: cid, hostPort: 0, guestPort: 0, operation)
    if operation == .shutdown { header.flags = VsockHeader.noMoreSend }
    if operation == .reset { slots[index] = nil }
    return header
  }

  private static func urgent(_ owed: VsockConnection.Owed) -> (VsockConnection.Owed, VsockOperation) {
    if owed.contains(.reset) { return (.reset, .reset) }
    if owed.contains(.request) { return (.request, .request) }
    if owed.contains(.response) { return (.response, .response) }
    if owed.contains(.creditUpdate) { return (.creditUpdate, .creditUpdate) }
    return (.shutdown, .shutdown)
  }

  /// The header of a packet of `count` bytes of data on connection `index`, which counts as sent; nil if it has no credit
  /// for them or a packet that must come first is owed.
  public mutating func dataPacket(_ index: Int, count: Int) -> VsockHeader? {
    guard let connection = slots[index], connection.credit >= count, count > 0,
      !connection.owed.contains(.response)
    else { return nil }
    slots[index]?.sent &+= UInt32(clamping: count)
    var header = self.header(index, .data)
    header?.length = UInt32(clamping: count)
    return header
  }

  /// Every packet tells the guest what room there is.
  private mutating func header(_ index: Int, _ operation: VsockOperation) -> VsockHeader? {
    guard let connection = slots[index] else { return nil }
    var header = VsockHeader(to: cid, hostPort: connection.hostPort, guestPort: connection.guestPort, operation)
    header.bufferSize = VsockConnection.buffer
    header.forwarded = connection.passedOn
    slots[index]?.told = connection.passedOn
    return header
  }

  /// Forgets everything: the driver started anew, and with it every socket of the guest is gone.
  public mutating func removeAll() {
    for index in slots.indices { slots[index] = nil }
    strays.removeAll(keepingCapacity: true)
  }
}
