import DeviceBus
import System
import Testing

private final class End: Sendable {
  let channel: Channel
  init(_ channel: consuming Channel) { self.channel = channel }
}

private func ends() throws -> (MessageSocketBox, End) {
  let pair = try MessageSocket.pair()
  return (
    MessageSocketBox(MessageSocket(owning: FileDescriptor(owning: pair.0))),
    End(Channel(owning: FileDescriptor(owning: pair.1)))
  )
}

/// A peer that can send anything.
private final class MessageSocketBox: Sendable {
  let socket: MessageSocket
  init(_ socket: consuming MessageSocket) { self.socket = socket }

  func send(_ words: [UInt32], payload: Int = 0, descriptors: [Int32] = []) throws {
    var bytes = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    bytes += [UInt8](repeating: 0, count: payload)
    try bytes.withUnsafeBytes { try socket.send($0, descriptors: descriptors) }
  }
}

private func next(_ channel: borrowing Channel) throws -> Incoming {
  guard let message = try channel.receive() else { throw MessageError.truncated }
  return message
}

private func refusal<M: Message>(of type: M.Type, _ message: borrowing Incoming) -> MessageError? {
  do throws(MessageError) {
    _ = try message.decode(type)
    return nil
  } catch { return error }
}

private func fault(_ end: End) -> MessageError? {
  do throws(ChannelError) { _ = try end.channel.receive() } catch {
    if case .malformed(let fault) = error { return fault }
  }
  return nil
}

@Test(arguments: [true, false]) func lastWordsOfAPeerThatHadNotReadEverythingArrive(wait: Bool) throws {
  let pair = try MessageSocket.pair()
  let near = Channel(owning: FileDescriptor(owning: pair.0))
  try near.send(Stop())
  do {
    let far = Channel(owning: FileDescriptor(owning: pair.1))
    try far.send(MachineFailed(text: "no KVM"))
  }

  let words = try near.receive(wait: wait)?.decode(MachineFailed.self).text
  #expect(words == "no KVM")
  do throws(ChannelError) { _ = try near.receive(wait: wait) } catch {
    guard case .closed = error else {
      Issue.record("\(error)")
      return
    }
  }
}

@Test func messageArrivesWithItsDescriptorsAndItsFilter() throws {
  let pair = try MessageSocket.pair()
  let near = Channel(owning: FileDescriptor(owning: pair.0))
  let far = Channel(owning: FileDescriptor(owning: pair.1))
  let file = try MemoryFile.create("test", size: 4096)

  try near.send(AttachConsole(), descriptors: [file.raw, file.raw, file.raw], filter: file.raw)

  var got = try next(far)
  _ = try got.decode(AttachConsole.self)
  let hasFilter = got.takeFilter() != nil
  #expect(hasFilter)
  let third = try got.take(2).fileSize()
  #expect(third == 4096)
  // Taken as the filter: not there a second time.
  let again = (try? got.take(3)) != nil
  #expect(!again)
}

@Test func nothingToReceiveIsNilAndAClosedPeerIsClosed() throws {
  let pair = try MessageSocket.pair()
  let far = Channel(owning: FileDescriptor(owning: pair.1))
  let none = try far.receive(wait: false) == nil
  #expect(none)
  _ = FileDescriptor(owning: pair.0)
  do throws(ChannelError) {
    _ = try far.receive()
    Issue.record("a message came from nobody")
  } catch {
    guard case .closed = error else {
      Issue.record("\(error.sentence)")
      return
    }
  }
}

@Test func shortHeaderIsTruncated() throws {
  let (peer, end) = try ends()
  try peer.send([37, 0])
  #expect(fault(end) == .truncated)
}

@Test func sizeBeyondThePacketIsTruncatedAndBelowItOversized() throws {
  let (peer, end) = try ends()
  try peer.send([37, 0, 5], payload: 4)
  #expect(fault(end) == .truncated)
  try peer.send([37, 0, 3], payload: 4)
  #expect(fault(end) == .oversized)
  try peer.send([37, 0, .max], payload: 4)
  #expect(fault(end) == .truncated)
}

@Test(arguments: [8193, 20_000]) func payloadOverTheLimitIsOversized(count: Int) throws {
  let (peer, end) = try ends()
  try peer.send([37, 0, UInt32(count)], payload: count)
  #expect(fault(end) == .oversized)
}

@Test func unknownRequestAndFlagsAreRefused() throws {
  let (peer, end) = try ends()
  try peer.send([33, 0, 0])
  #expect(fault(end) == .unknownRequest(33))
  try peer.send([37, 2, 0])
  #expect(fault(end) == .unknownFlags(2))
}

@Test(arguments: [0, 2, 4, 16]) func wrongDescriptorCountIsRefusedAndNoneLeaks(count: Int) throws {
  let (peer, end) = try ends()
  let file = try MemoryFile.create("test", size: 4096)
  try peer.send([96, 0, 0], descriptors: Array(repeating: file.raw, count: count))
  let got = try next(end.channel)
  #expect(refusal(of: AttachConsole.self, got) == MessageError.wrongDescriptorCount(count))
}

@Test func filterFlagWithoutADescriptorIsRefused() throws {
  let (peer, end) = try ends()
  try peer.send([37, 1, 0])
  let got = try next(end.channel)
  #expect(refusal(of: Run.self, got) == MessageError.wrongDescriptorCount(0))
}

@Test func anotherMessageThanTheOneDueIsRefused() throws {
  let (peer, end) = try ends()
  try peer.send([37, 0, 0])
  let got = try next(end.channel)
  #expect(refusal(of: Stop.self, got) == MessageError.unexpectedRequest(37))
}

@Test func sendWithTheWrongNumberOfDescriptorsIsRefusedAtOnce() throws {
  let pair = try MessageSocket.pair()
  let near = Channel(owning: FileDescriptor(owning: pair.0))
  _ = FileDescriptor(owning: pair.1)
  #expect(throws: SystemError.self) { try near.send(AttachConsole(), descriptors: []) }
}
