import Testing
import VsockModel

private let guest: UInt64 = 3

/// A packet from port 1000 of the guest to `port` of the host.
private func packet(_ operation: VsockOperation, port: UInt32 = 80, length: UInt32 = 0) -> VsockHeader {
  var header = VsockHeader(to: VsockHeader.hostCID, hostPort: 1000, guestPort: port, operation)
  (header.sourceCID, header.bufferSize, header.length) = (guest, 4096, length)
  return header
}

private func opened() -> VsockConnections {
  var connections = VsockConnections(cid: guest)
  _ = connections.packet(packet(.request), payload: 0)
  connections.connected(0)
  _ = connections.nextPacket()
  return connections
}

@Suite struct VsockHeaderTests {
  @Test func anyHeaderSurvivesARoundTrip() {
    var bytes = InlineArray<44, UInt8>(repeating: 0)
    for index in 0..<44 { bytes[index] = UInt8(truncatingIfNeeded: index * 37 + 11) }
    let again = VsockHeader(bytes).bytes
    for index in 0..<44 { #expect(again[index] == bytes[index]) }
  }
}

@Suite struct VsockConnectionTests {
  @Test func aRequestOfTheGuestIsConnectedAndAnswered() {
    var connections = VsockConnections(cid: guest)

    let action = connections.packet(packet(.request), payload: 0)
    #expect(action == .connect(index: 0))
    let owes = connections.owesPackets
    #expect(!owes)
    connections.connected(0)

    let answer = connections.nextPacket()
    #expect(answer?.operation == VsockOperation.response.rawValue)
    #expect(answer?.sourcePort == 80 && answer?.destinationPort == 1000 && answer?.destinationCID == guest)
    #expect(answer?.bufferSize == VsockConnection.buffer)
  }

  @Test func aRequestThatNobodyAnswersIsReset() {
    var connections = VsockConnections(cid: guest)
    _ = connections.packet(packet(.request), payload: 0)
    connections.end(0)
    let answer = connections.nextPacket()
    #expect(answer?.operation == VsockOperation.reset.rawValue)
    let connection = connections[0]
    #expect(connection == nil)
  }

  @Test func aRequestOfTheHostIsSentAndAccepted() {
    var connections = VsockConnections(cid: guest)
    let index = connections.request(guestPort: 1000)
    let request = connections.nextPacket()
    #expect(index == 0 && request?.operation == VsockOperation.request.rawValue && request?.destinationPort == 1000)

    var answer = packet(.response, port: request?.sourcePort ?? 0)
    answer.sourcePort = 1000
    let action = connections.packet(answer, payload: 0)
    #expect(action == .accepted(index: 0))
    let connection = connections[0]
    #expect(connection?.state == .open)
  }

  @Test(arguments: [VsockOperation.response, .shutdown, .data, .creditUpdate, .creditRequest])
  func aPacketWithoutAConnectionIsAnsweredByAReset(_ operation: VsockOperation) {
    var connections = VsockConnections(cid: guest)
    let action = connections.packet(packet(operation), payload: 0)
    #expect(action == .nothing)
    let answer = connections.nextPacket()
    #expect(answer?.operation == VsockOperation.reset.rawValue)
  }

  @Test func aResetIsNeverAnswered() {
    var connections = VsockConnections(cid: guest)
    let action = connections.packet(packet(.reset), payload: 0)
    #expect(action == .nothing)
    let owes = connections.owesPackets
    #expect(!owes)
  }

  @Test func packetsWithoutConnectionsStopBeingTakenBeforeAnswersPileUp() {
    var connections = VsockConnections(cid: guest)
    var taken = 0
    while connections.takesPackets, taken < 100_000 {
      _ = connections.packet(packet(.data, port: UInt32(taken)), payload: 0)
      taken += 1
    }
    #expect(taken == 256)
  }

  @Test func moreConnectionsThanThereAreAreRefused() {
    var connections = VsockConnections(cid: guest)
    for port in 0..<UInt32(VsockConnections.limit) {
      let action = connections.packet(packet(.request, port: port), payload: 0)
      #expect(action == .connect(index: Int(port)))
    }
    let excess = connections.packet(packet(.request, port: 5000), payload: 0)
    #expect(excess == .nothing)
    let answer = connections.nextPacket()
    #expect(answer?.operation == VsockOperation.reset.rawValue)
    let index = connections.request(guestPort: 1)
    #expect(index == nil)
  }

  @Test func dataBeyondTheBufferResetsTheConnection() {
    var connections = opened()
    let half = VsockConnection.buffer / 2
    let first = connections.packet(packet(.data, length: half), payload: Int(half))
    #expect(first == .deliver(index: 0))
    let second = connections.packet(packet(.data, length: half), payload: Int(half))
    #expect(second == .deliver(index: 0))
    let excess = connections.packet(packet(.data, length: 1), payload: 1)
    #expect(excess == .close(index: 0))
    let answer = connections.nextPacket()
    #expect(answer?.operation == VsockOperation.reset.rawValue)
  }

  @Test func aLengthThatIsNotThePayloadsResetsTheConnection() {
    var connections = opened()
    let action = connections.packet(packet(.data, length: 9), payload: 8)
    #expect(action == .close(index: 0))
  }

  @Test func aPacketInAnotherGuestsNameIsIgnored() {
    var connections = opened()
    var forged = packet(.reset)
    forged.sourceCID = 4
    let action = connections.packet(forged, payload: 0)
    #expect(action == .nothing)
    let connection = connections[0]
    #expect(connection?.state == .open)
  }

  @Test func theGuestsCreditIsNeverExceeded() {
    var connections = opened()
    let tooMuch = connections.dataPacket(0, count: 4097)
    #expect(tooMuch == nil)
    let full = connections.dataPacket(0, count: 4096)
    #expect(full?.length == 4096)
    let exhausted = connections[0]
    let more = connections.dataPacket(0, count: 1)
    #expect(exhausted?.credit == 0 && more == nil)

    var update = packet(.creditUpdate)
    update.forwarded = 96
    _ = connections.packet(update, payload: 0)
    let connection = connections[0]
    #expect(connection?.credit == 96)
  }

  @Test func aGuestThatLiesAboutItsBufferGetsNothing() {
    var connections = opened()
    _ = connections.dataPacket(0, count: 4000)
    var update = packet(.creditUpdate)
    (update.bufferSize, update.forwarded) = (10, 0xffff_0000)
    _ = connections.packet(update, payload: 0)
    let connection = connections[0]
    #expect(connection?.credit == 0)
  }

  @Test func roomIsToldWhenHalfOfTheBufferWasEmptied() {
    var connections = opened()
    let many = VsockConnection.buffer * 3 / 4
    _ = connections.packet(packet(.data, length: many), payload: Int(many))
    connections.passedOn(0, Int(many))
    let update = connections.nextPacket()
    #expect(update?.operation == VsockOperation.creditUpdate.rawValue && update?.forwarded == many)
  }

  @Test func aConnectionShutOnBothSidesEndsWhenItsBytesArePassedOn() {
    var connections = opened()
    _ = connections.packet(packet(.data, length: 10), payload: 10)
    var shutdown = packet(.shutdown)
    shutdown.flags = VsockHeader.noMoreSend | VsockHeader.noMoreReceive
    let action = connections.packet(shutdown, payload: 0)
    #expect(action == .finish(index: 0))
    let isFinished = connections.finished(0)
    #expect(!isFinished)
    connections.passedOn(0, 10)
    let isEmptied = connections.finished(0)
    #expect(isEmptied)
    let answer = connections.nextPacket()
    #expect(answer?.operation == VsockOperation.reset.rawValue)
  }

  @Test func theHostsEndIsToldOnce() {
    var connections = opened()
    connections.hostEnded(0)
    connections.hostEnded(0)
    let shutdown = connections.nextPacket()
    #expect(shutdown?.operation == VsockOperation.shutdown.rawValue && shutdown?.flags == VsockHeader.noMoreSend)
    let answer = connections.nextPacket()
    #expect(answer == nil)
  }

  /// Any sequence of packets: no trap, no more packets owed than connections and strays, every answer addressed to the guest.
  @Test func anySequenceOfPacketsIsAnsweredWithinBounds() {
    var connections = VsockConnections(cid: guest)
    var random = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      var header = packet(VsockOperation(rawValue: .random(in: 1...7)) ?? .reset, port: .random(in: 1...20))
      header.operation = .random(in: 0...8)
      header.length = .random(in: 0...100)
      header.flags = .random(in: 0...4)
      header.bufferSize = .random(in: 0...UInt32.max)
      header.forwarded = .random(in: 0...UInt32.max)
      let action = connections.packet(header, payload: Bool.random(using: &random) ? Int(header.length) : 7)
      switch action {
      case .connect(let index): Bool.random() ? connections.connected(index) : connections.end(index)
      case .deliver(let index): connections.passedOn(index, Int(header.length))
      default: break
      }
      if let answer = connections.nextPacket() { #expect(answer.destinationCID == guest) }
    }
  }
}
