import CSystem
import System
import VhostDevice
import Virtqueue
import VsockModel

/// Sockets between a guest and the host (virtio 1.3, 5.10): receive queue 0, transmit queue 1, event queue 2.
///
/// A guest's connection to port N of the host goes to the Unix socket PATH_N; a program on the host reaches port N of the
/// guest through PATH, saying "CONNECT N" first. That is how Firecracker does it, so its users' programs work.
struct VsockDevice: ~Copyable, VirtioBackEnd {
  static var deviceID: UInt32 { 19 }
  private static let receiveQueue = 0
  private static let transmitQueue = 1
  private static let eventQueue = 2
  private static let budget = 64

  private let path: String
  private let listener: FileDescriptor
  private var connections: VsockConnections
  /// By connection; nil where there is none, or its socket is closed already.
  private let sockets: UnsafeMutablePointer<PeerSocket?>
  private var greeters = Greeters()
  private var chain = DescriptorChain()
  /// A receive buffer that was taken and not needed yet.
  private var hasSpare = false
  private var spare = DescriptorChain()
  private let pieces: UnsafeMutableBufferPointer<Segment>
  private var watched = false
  /// Where the search for a readable socket begins, so that each gets its turn.
  private var turn = 0
  /// The driver was there before this process: it must be told that its connections are gone.
  private var owesReset = true

  /// Serves the guest `cid` with the sockets at `path` and behind it. Throws if it cannot listen there.
  init(cid: UInt64, path: String) throws(SystemError) {
    self.path = path
    listener = FileDescriptor(owning: try SystemError.check("bind of the socket path", path.withUTF8Z { atoll_unix_serve($0) }))
    connections = VsockConnections(cid: cid)
    sockets = .allocate(capacity: VsockConnections.limit)
    for index in 0..<VsockConnections.limit { (sockets + index).initialize(to: nil) }
    pieces = .allocate(capacity: 1024)
  }

  deinit {
    sockets.deinitialize(count: VsockConnections.limit)
    sockets.deallocate()
    pieces.deallocate()
  }

  // MARK: what the driver sees

  var queueCount: Int { 3 }
  var queueSize: UInt16 { 256 }
  /// VIRTIO_VSOCK_F_STREAM (5.10.3).
  var features: UInt64 { 1 }
  func config() -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: connections.cid >> UInt64(8 * $0)) } }

  mutating func reset() {
    for index in 0..<VsockConnections.limit { sockets[index] = nil }
    connections.removeAll()
    owesReset = false
  }

  // MARK: work

  mutating func serve(_ queue: Int, _ rings: Rings) {
    if !watched {
      watched = true
      rings.watch(listener.raw, Token.listener, Ready.input)
    }
    switch queue {
    case Self.transmitQueue: transmit(rings)
    case Self.eventQueue: tellReset(rings)
    default: break
    }
    receive(rings)
  }

  /// virtio 1.3, 5.10.6.7: TRANSPORT_RESET, because the connections of the process before this one are gone.
  private mutating func tellReset(_ rings: Rings) {
    guard owesReset, rings.pop(Self.eventQueue, into: &chain) else { return }
    owesReset = false
    let count = chain.fill(at: 0, count: 4, with: 0)
    rings.push(Self.eventQueue, chain.token, written: count)
  }

  mutating func ready(_ token: UInt32, _ events: UInt32, _ rings: Rings) {
    switch token {
    case Token.listener: accept(rings)
    case Token.greeters..<Token.sockets: greet(Int(token - Token.greeters), rings)
    default: move(Int(token - Token.sockets), events, rings)
    }
    receive(rings)
  }

  mutating func stop(_ queue: Int, _ rings: Rings) {
    guard queue == Self.receiveQueue, hasSpare else { return }
    hasSpare = false
    rings.push(queue, spare.token, written: 0)
  }

  // MARK: from the guest

  private mutating func transmit(_ rings: Rings) {
    var taken = 0
    while taken < Self.budget, connections.takesPackets, rings.pop(Self.transmitQueue, into: &chain) {
      taken += 1
      var bytes = InlineArray<44, UInt8>(repeating: 0)
      var span = bytes.mutableSpan
      let count = span.withUnsafeMutableBytes { chain.read(at: 0, into: $0) }
      guard count == VsockHeader.size else {
        rings.push(Self.transmitQueue, chain.token, written: 0)
        return rings.breakRing(Self.transmitQueue, "a packet has no header")
      }
      let header = VsockHeader(bytes)
      carryOut(connections.packet(header, payload: chain.readableBytes - count), header, rings)
      rings.push(Self.transmitQueue, chain.token, written: 0)
    }
  }

  private mutating func carryOut(_ action: VsockAction, _ header: VsockHeader, _ rings: Rings) {
    switch action {
    case .nothing: break
    case .connect(let index): connect(index, port: header.destinationPort, rings)
    case .accepted(let index): answerGreeter(index)
    case .deliver(let index): deliver(index, Int(header.length), rings)
    case .finish(let index):
      sockets[index]?.finishes = true
      flush(index, rings)
    case .close(let index): close(index, rings)
    }
  }

  private mutating func connect(_ index: Int, port: UInt32, _ rings: Rings) {
    let raw = "\(path)_\(port)".withUTF8Z { atoll_peer_connect($0) }
    // Whatever the reason, all that a guest can be told is that nobody listens.
    guard raw >= 0 else { return connections.end(index) }
    adopt(index, FileDescriptor(owning: raw), rings)
    connections.connected(index)
  }

  private mutating func adopt(_ index: Int, _ descriptor: consuming FileDescriptor, _ rings: Rings) {
    let raw = descriptor.raw
    sockets[index] = PeerSocket(owning: descriptor)
    rings.watch(raw, Token.sockets + UInt32(index), Ready.input | Ready.output | Ready.peerClosed | Ready.edge)
  }

  private mutating func deliver(_ index: Int, _ length: Int, _ rings: Rings) {
    guard sockets[index] != nil,
      let count = chain.readablePieces(at: VsockHeader.size, count: length, into: pieces)
    else { return drop(index, rings) }
    settle(index, sockets[index]?.send(UnsafeMutableBufferPointer(rebasing: pieces[..<count])), rings)
  }

  private mutating func flush(_ index: Int, _ rings: Rings) { settle(index, sockets[index]?.flush(), rings) }

  private mutating func settle(_ index: Int, _ outcome: PeerSocket.Outcome?, _ rings: Rings) {
    switch outcome {
    case .moved(let count)?:
      connections.passedOn(index, count)
      if connections.finished(index) { close(index, rings) }
    case .ended?, .broken?: drop(index, rings)
    case nil: break
    }
  }

  /// The connection is over because of the host's side.
  private mutating func drop(_ index: Int, _ rings: Rings) {
    connections.end(index)
    close(index, rings)
  }

  private mutating func close(_ index: Int, _ rings: Rings) {
    if let raw = sockets[index]?.descriptor.raw { rings.unwatch(raw) }
    sockets[index] = nil
  }

  // MARK: from the host

  private mutating func accept(_ rings: Rings) {
    for _ in 0..<Self.budget {
      let raw = atoll_peer_accept(listener.raw)
      guard raw >= 0 else { return }
      // One too many is closed: whoever it is may try again.
      guard let slot = greeters.add(FileDescriptor(owning: raw)) else { continue }
      rings.watch(raw, Token.greeters + UInt32(slot), Ready.input)
    }
  }

  private mutating func greet(_ slot: Int, _ rings: Rings) {
    let progress = greeters.listen(slot)
    guard case .port(let port) = progress else {
      if progress == .refused { discard(slot, rings) }
      return
    }
    guard let index = connections.request(guestPort: port) else { return discard(slot, rings) }
    if let raw = greeters.descriptor(slot) { rings.unwatch(raw) }
    guard let descriptor = greeters.promote(slot) else { return connections.end(index) }
    // Not watched for bytes before the guest has accepted: they are not read, and an end is seen then.
    sockets[index] = PeerSocket(owning: descriptor)
  }

  private mutating func discard(_ slot: Int, _ rings: Rings) {
    if let raw = greeters.descriptor(slot) { rings.unwatch(raw) }
    greeters.remove(slot)
  }

  /// The guest accepted what the host asked for. Without room for these few bytes the socket is no socket of ours.
  private mutating func answerGreeter(_ index: Int) {
    guard let connection = connections[index] else { return }
    let words = VsockHandshake.accepted(hostPort: connection.hostPort)
    words.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      pieces.initializeElement(
        at: 0, to: Segment(base: UnsafeMutableRawPointer(mutating: base), count: bytes.count))
      _ = sockets[index]?.send(UnsafeMutableBufferPointer(rebasing: pieces[..<1]))
    }
    accepted.append(index)
  }

  /// Connections whose sockets are to be watched from now on.
  private var accepted: [Int] = []

  private mutating func watchAccepted(_ rings: Rings) {
    for index in accepted {
      guard let raw = sockets[index]?.descriptor.raw else { continue }
      rings.watch(raw, Token.sockets + UInt32(index), Ready.input | Ready.output | Ready.peerClosed | Ready.edge)
    }
    accepted.removeAll(keepingCapacity: true)
  }

  private mutating func move(_ index: Int, _ events: UInt32, _ rings: Rings) {
    guard index < VsockConnections.limit, sockets[index] != nil else { return }
    if events & (Ready.input | Ready.peerClosed | Ready.hangUp | Ready.error) != 0 { sockets[index]?.isReadable = true }
    if events & (Ready.output | Ready.error | Ready.hangUp) != 0 { flush(index, rings) }
  }

  // MARK: to the guest

  private mutating func receive(_ rings: Rings) {
    if !accepted.isEmpty { watchAccepted(rings) }
    for _ in 0..<Self.budget {
      guard let source = connections.owesPackets ? nil : readable() else {
        guard connections.owesPackets, takeBuffer(rings) else { return }
        if let header = connections.nextPacket() { give(header, written: VsockHeader.size, rings) }
        continue
      }
      guard takeBuffer(rings) else { return }
      receive(from: source, rings)
    }
  }

  /// The next connection that has both bytes and credit.
  private mutating func readable() -> Int? {
    for step in 0..<VsockConnections.limit {
      let index = (turn + step) % VsockConnections.limit
      guard sockets[index]?.isReadable == true, let connection = connections[index], connection.credit > 0 else { continue }
      turn = index + 1
      return index
    }
    return nil
  }

  private mutating func takeBuffer(_ rings: Rings) -> Bool {
    if hasSpare { return true }
    guard rings.pop(Self.receiveQueue, into: &spare) else { return false }
    guard spare.readableBytes == 0, spare.writableBytes > VsockHeader.size else {
      rings.push(Self.receiveQueue, spare.token, written: 0)
      rings.breakRing(Self.receiveQueue, "a receive buffer is shorter than a header or readable")
      return false
    }
    hasSpare = true
    return true
  }

  private mutating func receive(from index: Int, _ rings: Rings) {
    let room = min(connections[index]?.credit ?? 0, spare.writableBytes - VsockHeader.size)
    guard let count = spare.writablePieces(at: VsockHeader.size, count: room, into: pieces) else { return }
    switch sockets[index]?.receive(UnsafeMutableBufferPointer(rebasing: pieces[..<count])) {
    case .moved(let bytes)? where bytes > 0:
      guard let header = connections.dataPacket(index, count: bytes) else { return drop(index, rings) }
      give(header, written: VsockHeader.size + bytes, rings)
    case .ended?:
      connections.hostEnded(index)
      if connections.finished(index) { close(index, rings) }
    case .broken?: drop(index, rings)
    default: break
    }
  }

  private mutating func give(_ header: VsockHeader, written: Int, _ rings: Rings) {
    let bytes = header.bytes
    _ = bytes.span.withUnsafeBytes { spare.write(at: 0, from: $0) }
    hasSpare = false
    rings.push(Self.receiveQueue, spare.token, written: written)
  }
}

/// What a watched descriptor is.
private enum Token {
  static let listener: UInt32 = 0
  static let greeters: UInt32 = 1
  static let sockets: UInt32 = 1000
}
