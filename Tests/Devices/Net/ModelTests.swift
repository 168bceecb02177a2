import NetModel
import Testing

@Suite struct NetHeaderTests {
  @Test func anyTwelveBytesSurviveARoundTrip() {
    var bytes = InlineArray<12, UInt8>(repeating: 0)
    for index in 0..<12 { bytes[index] = UInt8(index * 17 + 3) }

    let again = NetHeader(bytes).bytes

    for index in 0..<12 { #expect(again[index] == bytes[index]) }
  }

  @Test func aNewHeaderSaysOneBufferAndNothingElse() {
    let bytes = NetHeader().bytes
    for index in 0..<12 { #expect(bytes[index] == (index == 10 ? 1 : 0)) }
  }
}

@Suite struct ChecksumTests {
  /// RFC 1071, section 3: the sum of this data is ddf2.
  @Test func sumOfTheRFCsExample() {
    let bytes: [UInt8] = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]
    #expect(Checksum.sum(bytes.span, from: 0) == ~0xddf2)
  }

  @Test func anOddLastByteCountsAsIfAZeroFollowed() {
    #expect(Checksum.sum(([1, 2, 3] as [UInt8]).span, from: 0) == Checksum.sum(([1, 2, 3, 0] as [UInt8]).span, from: 0))
  }

  @Test func aFinishedFrameSumsToZero() {
    var frame = (0..<61).map { UInt8(truncatingIfNeeded: $0 * 7) }
    frame[30] = 0
    frame[31] = 0
    var header = NetHeader()
    (header.flags, header.checksumStart, header.checksumOffset) = (NetHeader.needsChecksum, 14, 16)

    var span = frame.mutableSpan
    let done = Checksum.complete(&span, header)

    #expect(done)
    #expect(Checksum.sum(frame.span, from: 14) == 0)
  }

  @Test(arguments: [(0, 60), (59, 0), (0xffff, 0xffff), (61, 0), (58, 2)] as [(UInt16, UInt16)])
  func aFieldOutsideTheFrameIsRefused(_ place: (UInt16, UInt16)) {
    var frame = [UInt8](repeating: 9, count: 60)
    var header = NetHeader()
    (header.flags, header.checksumStart, header.checksumOffset) = (NetHeader.needsChecksum, place.0, place.1)
    var span = frame.mutableSpan
    let done = Checksum.complete(&span, header)
    #expect(!done)
  }
}

@Suite struct MACAddressTests {
  @Test(arguments: ["52:54:00:12:34:56", "aA:bB:cC:dD:eE:fF"])
  func anAddressIsRead(_ text: String) { #expect(MACAddress(text) != nil) }

  @Test(arguments: [
    "", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:56:78", "53:54:00:12:34:56", "52-54-00-12-34-56",
    "5254:00:12:34:56:", "gg:54:00:12:34:56", "52:54:00:12:34:567",
  ])
  func anythingElseIsNone(_ text: String) { #expect(MACAddress(text) == nil) }
}

@Suite struct ForwardRuleTests {
  @Test func portsAloneMeanTheUsualAddresses() {
    let rule = ForwardRule("tcp:2222:22")
    #expect(rule?.isUDP == false && rule?.hostPort == 2222 && rule?.guestPort == 22)
    #expect(rule?.hostAddress == 0x7f00_0001 && rule?.guestAddress == 0x0a00_020f)
  }

  @Test func addressesStandBeforeTheirPorts() {
    let rule = ForwardRule("udp:0.0.0.0:53:10.0.2.20:5353")
    #expect(rule?.isUDP == true && rule?.hostAddress == 0 && rule?.hostPort == 53)
    #expect(rule?.guestAddress == 0x0a00_0214 && rule?.guestPort == 5353)
  }

  @Test(arguments: [
    "", "tcp", "tcp:22", "tcp:0:22", "tcp:22:0", "icmp:1:1", "tcp:70000:22", "tcp:1:2:3", "tcp:1.2.3:4:5", "tcp::1:2",
    "tcp:256.1.1.1:1:2", "tcp:1.1.1.1:1.1.1.1:2",
  ])
  func anythingElseIsNone(_ text: String) { #expect(ForwardRule(text) == nil) }
}

@Suite struct NetControlTests {
  private static let features = NetFeature.tap | NetFeature.control | NetFeature.multiQueue

  @Test(arguments: [
    ([4, 0, 2, 0], NetCommand.queuePairs(2)), ([5, 0, 2, 0, 0, 0, 0, 0, 0, 0], .offloads(2)), ([0, 1, 1], .filter),
    ([1, 1, 2, 0, 0, 0, 0, 1], .filter),
  ] as [([UInt8], NetCommand)])
  func aCommandIsUnderstood(_ row: ([UInt8], NetCommand)) {
    #expect(NetControl.parse(row.0.span, pairs: 2, features: Self.features) == row.1)
  }

  @Test(arguments: [
    [], [4], [4, 0], [4, 0, 0, 0], [4, 0, 3, 0], [4, 0, 1, 0, 0], [4, 1, 1, 0], [5, 0, 1, 0, 0, 0, 0, 0, 0, 0], [0, 6, 1],
    [9, 9],
  ] as [[UInt8]])
  func anythingElseIsRefused(_ bytes: [UInt8]) {
    #expect(NetControl.parse(bytes.span, pairs: 2, features: Self.features) == nil)
  }

  @Test func nothingIsObeyedThatWasNotNegotiated() {
    for bytes in [[4, 0, 1, 0], [5, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 1]] as [[UInt8]] {
      #expect(NetControl.parse(bytes.span, pairs: 2, features: NetFeature.controlQueue) == nil)
    }
  }
}

@Suite struct FrameQueueTests {
  private func take(_ queue: inout FrameQueue) -> [UInt8]? {
    var target = [UInt8](repeating: 0, count: 100)
    var span = target.mutableSpan
    guard let count = queue.take(into: &span) else { return nil }
    return Array(target[..<count])
  }

  /// Against an array of arrays, with sizes that make the positions wrap at every offset.
  @Test func framesComeOutAsTheyWentIn() {
    var queue = FrameQueue(capacity: 257)
    var expected: [[UInt8]] = []
    var random = SystemRandomNumberGenerator()
    for step in 0..<5000 {
      let frame = (0..<Int.random(in: 0...60, using: &random)).map { UInt8(truncatingIfNeeded: $0 &+ step) }
      let room = 257 - expected.reduce(0) { $0 + $1.count + 4 }
      let fits = queue.append(frame.span)
      #expect(fits == (frame.count + 4 <= room))
      if fits { expected.append(frame) }
      if Bool.random(using: &random), !expected.isEmpty {
        let frame = take(&queue)
        #expect(frame == expected.removeFirst())
      }
    }
    while !expected.isEmpty {
      let frame = take(&queue)
      #expect(frame == expected.removeFirst())
    }
    let isEmpty = queue.isEmpty
    #expect(isEmpty)
  }
}
