import CSystem
import Glibc
import System
import Testing

@testable import VhostUser

/// A connection and the bare socket at its other end.
struct Ends: ~Copyable {
  var connection: VhostConnection
  let peer: StreamSocket

  init() throws {
    let (a, b) = try StreamSocket.pair()
    connection = VhostConnection(owning: FileDescriptor(owning: a))
    peer = StreamSocket(owning: FileDescriptor(owning: b))
  }

  func write(_ bytes: [UInt8], descriptors: [Int32] = []) throws {
    let sent = try bytes.withUnsafeBytes { try peer.send($0, descriptors: descriptors) }
    #expect(sent == bytes.count)
  }

  func read(_ limit: Int = 1 << 20) throws -> ([UInt8], Int) {
    var buffer = [UInt8](repeating: 0, count: limit)
    var bundle = DescriptorBundle()
    let got = try buffer.withUnsafeMutableBytes { try peer.receive(into: $0, &bundle) } ?? 0
    return (Array(buffer[..<got]), bundle.count)
  }
}

/// A descriptor to send, and the other end of its socket, which sees when the last copy is closed.
struct Watched: ~Copyable {
  /// What to send; open until `isClosedElsewhere`.
  private(set) var raw: Int32
  private let other: StreamSocket

  init() throws {
    let (a, b) = try StreamSocket.pair()
    raw = a
    other = StreamSocket(owning: FileDescriptor(owning: b))
  }

  deinit { if raw >= 0 { _ = FileDescriptor(owning: raw) } }

  /// Closes this copy; true if there is no other.
  mutating func isClosedElsewhere() -> Bool {
    if raw >= 0 { _ = FileDescriptor(owning: raw) }
    raw = -1
    var byte: UInt8 = 0
    var bundle = DescriptorBundle()
    return (try? withUnsafeMutableBytes(of: &byte) { try other.receive(into: $0, &bundle) }) == 0
  }

  /// Sends `bytes` with `count` copies of the descriptor; the kernel allows 253.
  func send(_ bytes: [UInt8], count: Int, on socket: Int32) {
    // cmsghdr by hand: its macros are not importable.
    var control = u64(UInt64(16 + 4 * count)) + u32(UInt64(SOL_SOCKET), 1)
    for _ in 0..<count { control += u32(UInt64(raw)) }
    control += [UInt8](repeating: 0, count: control.count % 8)
    var bytes = bytes
    let sent = bytes.withUnsafeMutableBytes { data in
      control.withUnsafeMutableBytes { ancillary in
        var part = iovec(iov_base: data.baseAddress, iov_len: data.count)
        return withUnsafeMutablePointer(to: &part) { part in
          var message = msghdr()
          message.msg_iov = part
          message.msg_iovlen = 1
          message.msg_control = ancillary.baseAddress
          message.msg_controllen = ancillary.count
          return sendmsg(socket, &message, 0)
        }
      }
    }
    #expect(sent == bytes.count)
  }
}

@Suite("vhost-user stream")
struct ConnectionTests {
  let message = VhostHeader(request: 2, flags: 1, payloadSize: 8).encode() + u64(42)

  @Test("a message that comes byte by byte is whole at its last byte")
  func byteByByte() throws {
    var ends = try Ends()
    let counter = try EventCounter()
    for (i, byte) in message.enumerated() {
      #expect(try received(&ends.connection)?.request == nil)
      try ends.write([byte], descriptors: i == 0 ? [counter.descriptor.raw] : [])
    }
    guard var incoming = try ends.connection.receive() else { return _ = Issue.record("no message") }
    let seen = (incoming.request, incoming.payload, incoming.descriptorCount)
    #expect(seen == (2, u64(42), 1))
    for (index, there) in [(0, true), (0, false), (1, false), (-1, false)] {
      let taken = incoming.take(index) != nil
      #expect(taken == there)
    }
    #expect(try received(&ends.connection)?.request == nil)
  }

  @Test("two messages in one packet come one after the other, the second one's descriptors with it")
  func back() throws {
    var ends = try Ends()
    let counter = try EventCounter()
    try ends.write(message)
    try ends.write(message + message, descriptors: [counter.descriptor.raw, counter.descriptor.raw])
    for count in [0, 2, 0] { #expect(try received(&ends.connection)?.descriptors == count) }
    #expect(try received(&ends.connection)?.request == nil)
  }

  @Test("descriptors with another byte than a header's first are refused", arguments: [1, 11, 12, 19])
  func late(_ position: Int) throws {
    var ends = try Ends()
    let counter = try EventCounter()
    try ends.write(Array(message[..<position]))
    #expect(try received(&ends.connection)?.request == nil)
    try ends.write(Array(message[position...]), descriptors: [counter.descriptor.raw])
    expect(.malformed(.strayDescriptors), &ends.connection)
  }

  @Test("more than 8 descriptors are refused, and none stays open", arguments: [9, 16, 17, 100])
  func tooMany(_ count: Int) throws {
    var ends = try Ends()
    var watched = try Watched()
    watched.send(message, count: count, on: ends.peer.descriptor.raw)
    expect(.malformed(.strayDescriptors), &ends.connection)
    let closed = watched.isClosedElsewhere()
    #expect(closed)
  }

  @Test("8 descriptors are accepted")
  func eight() throws {
    var ends = try Ends()
    let watched = try Watched()
    watched.send(message, count: 8, on: ends.peer.descriptor.raw)
    #expect(try received(&ends.connection)?.descriptors == 8)
  }

  @Test(
    "a bad header ends the stream",
    arguments: [
      (VhostHeader(request: 1, flags: 0, payloadSize: 0), VhostMessageError.unsupportedVersion(0)),
      (VhostHeader(request: 1, flags: 1, payloadSize: 4097), .oversized(4097)),
      (VhostHeader(request: 1, flags: 0x21, payloadSize: 0), .unexpectedFlags(0x21)),
    ])
  func badHeader(_ header: VhostHeader, _ error: VhostMessageError) throws {
    var ends = try Ends()
    try ends.write(header.encode())
    expect(.malformed(error), &ends.connection)
  }

  @Test("the end between messages is closed, the end inside one says so", arguments: [0, 1, 11, 12, 19])
  func ended(_ length: Int) throws {
    let (a, b) = try StreamSocket.pair()
    var connection = VhostConnection(owning: FileDescriptor(owning: a))
    do {
      let peer = StreamSocket(owning: FileDescriptor(owning: b))
      if length > 0 { _ = try Array(message[..<length]).withUnsafeBytes { try peer.send($0, descriptors: []) } }
    }
    expect(length == 0 ? .closed : .closedInMessage, &connection)
  }

  @Test("descriptors of a message that nobody takes are closed")
  func unclaimed() throws {
    var ends = try Ends()
    var watched = try Watched()
    watched.send(message, count: 2, on: ends.peer.descriptor.raw)
    #expect(try received(&ends.connection)?.descriptors == 2)
    let closed = watched.isClosedElsewhere()
    #expect(closed)
  }

  @Test("descriptors of a message that never becomes whole are closed with the connection")
  func unfinished() throws {
    var watched = try Watched()
    do {
      var ends = try Ends()
      watched.send(Array(message[..<15]), count: 3, on: ends.peer.descriptor.raw)
      #expect(try received(&ends.connection)?.request == nil)
    }
    let closed = watched.isClosedElsewhere()
    #expect(closed)
  }

  @Test("what a full socket does not take waits, with its descriptors, and arrives in order")
  func waiting() throws {
    var ends = try Ends()
    var watched = try Watched()
    var expected: [UInt8] = []
    var sent = 0
    while !ends.connection.wantsOutput || sent % 7 != 0 {
      let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: sent), count: 4000)
      let outgoing = VhostOutgoing(request: 3, payload: payload, descriptors: sent % 2 == 0 ? [watched.raw] : [])
      expected += outgoing.header.encode() + payload
      try ends.connection.send(outgoing)
      sent += 1
    }
    // The waiting messages have descriptors of their own.
    let closedEarly = watched.isClosedElsewhere()
    #expect(!closedEarly)
    var got: [UInt8] = []
    var descriptors = 0
    while got.count < expected.count {
      let (bytes, count) = try ends.read(1000)
      got += bytes
      descriptors += count
      try ends.connection.flush()
    }
    #expect(got == expected)
    #expect(descriptors == (sent + 1) / 2)
    let (waits, closed) = (ends.connection.wantsOutput, watched.isClosedElsewhere())
    #expect(!waits && closed)
  }

  @Test("descriptors that wait are closed with the connection")
  func waitingAtTheEnd() throws {
    var watched = try Watched()
    do {
      var ends = try Ends()
      let outgoing = VhostOutgoing(request: 3, payload: [UInt8](repeating: 0, count: 4000), descriptors: [watched.raw])
      while !ends.connection.wantsOutput { try ends.connection.send(outgoing) }
    }
    let closed = watched.isClosedElsewhere()
    #expect(closed)
  }

  @Test("a peer that does not read is given up at the limit")
  func congested() throws {
    var ends = try Ends()
    let payload = [UInt8](repeating: 1, count: 4096)
    var error: VhostConnectionError?
    for _ in 0..<1000 where error == nil {
      do throws(VhostConnectionError) {
        try ends.connection.send(VhostOutgoing(request: 3, payload: payload))
      } catch let thrown { error = thrown }
    }
    #expect(error == .congested)
  }

  @Test("sending to a peer that is gone says closed")
  func gone() throws {
    let (a, b) = try StreamSocket.pair()
    var connection = VhostConnection(owning: FileDescriptor(owning: a))
    _ = FileDescriptor(owning: b)
    var error: VhostConnectionError?
    do throws(VhostConnectionError) { try connection.send(VhostOutgoing(GetFeatures())) } catch let thrown {
      error = thrown
    }
    #expect(error == .closed)
  }

  @Test("a message beyond the limits is not sent")
  func unsendable() throws {
    var ends = try Ends()
    for outgoing in [
      VhostOutgoing(request: 1, payload: [UInt8](repeating: 0, count: 4097)),
      VhostOutgoing(request: 1, payload: [], descriptors: [Int32](repeating: 0, count: 9)),
    ] {
      var failed = false
      do throws(VhostConnectionError) { try ends.connection.send(outgoing) } catch { failed = true }
      #expect(failed)
    }
    #expect(try ends.read(1).0.isEmpty)
  }

  @Test("a listening socket is told from a connected one")
  func listening() throws {
    let (a, b) = try StreamSocket.pair()
    let end = FileDescriptor(owning: a)
    _ = FileDescriptor(owning: b)
    #expect(try !StreamSocket.isListening(end))
    let path = "/tmp/atoll-vhost-\(UInt64.random(in: 0...UInt64.max))"
    let listener = FileDescriptor(owning: try SystemError.check("listen", path.withUTF8Z { atoll_unix_listen($0) }))
    #expect(try StreamSocket.isListening(listener))
    #expect(throws: SystemError.self) { try StreamSocket.isListening(try MemoryFile.create("no socket", size: 4096)) }
    _ = path.withUTF8Z { atoll_unlink($0) }
  }

  /// What one message says of itself; the message is gone.
  private func received(_ connection: inout VhostConnection) throws -> (request: UInt32, descriptors: Int)? {
    guard let incoming = try connection.receive() else { return nil }
    return (incoming.request, incoming.descriptorCount)
  }

  private func expect(
    _ expected: VhostConnectionError, _ connection: inout VhostConnection,
    at location: SourceLocation = #_sourceLocation
  ) {
    do throws(VhostConnectionError) {
      let isMessage = try connection.receive() != nil
      Issue.record("no error but \(isMessage ? "a message" : "nothing")", sourceLocation: location)
    } catch {
      #expect(error == expected, sourceLocation: location)
    }
  }
}
