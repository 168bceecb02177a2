import Testing
import VhostUser

@Suite("vhost-user messages")
struct MessageTests {
  static let all = Samples.frontEnd + Samples.backEnd + Samples.replies

  @Test("a right payload decodes, and encodes to the same bytes", arguments: all)
  func roundTrip(_ sample: Sample) throws {
    #expect(try sample.recode(sample.payload, sample.descriptors) == sample.payload)
  }

  @Test("a payload cut at any length is refused", arguments: all)
  func truncated(_ sample: Sample) {
    for length in 0..<sample.payload.count where !sample.otherLengths.contains(length) {
      let cut = Array(sample.payload[..<length])
      #expect(throws: VhostMessageError.self, "\(length) bytes") { try sample.recode(cut, sample.descriptors) }
    }
  }

  @Test("surplus bytes are refused", arguments: all)
  func surplus(_ sample: Sample) {
    for extra in [1, 2, 3, 4, 7, 8, 32, 1000] where !sample.otherLengths.contains(sample.payload.count + extra) {
      let long = sample.payload + [UInt8](repeating: 0, count: extra)
      #expect(throws: VhostMessageError.wrongSize(request: sample.request, size: long.count), "\(extra) more") {
        try sample.recode(long, sample.descriptors)
      }
    }
  }

  @Test("too few and too many descriptors are refused", arguments: all)
  func descriptors(_ sample: Sample) {
    for count in 0...8 where !sample.accepted.contains(count) {
      #expect(throws: VhostMessageError.wrongDescriptorCount(request: sample.request, count: count)) {
        try sample.recode(sample.payload, count)
      }
    }
    for count in sample.accepted { #expect(throws: Never.self) { try sample.recode(sample.payload, count) } }
  }

  @Test("a field out of range is refused", arguments: all.filter { !$0.impossible.isEmpty })
  func impossible(_ sample: Sample) {
    for payload in sample.impossible {
      for count in 0...8 {
        #expect(throws: VhostMessageError.self, "\(payload)") { try sample.recode(payload, count) }
      }
    }
  }

  @Test("other lengths that front-ends send are accepted")
  func otherLengths() throws {
    let padded = SetMemoryTable([region]).encode() + [UInt8](repeating: 0, count: 7 * 32)
    #expect(try SetMemoryTable(decoding: padded, descriptors: 1, request: 5).regions == [region])
    let packed = Array(SetInflight(InflightArea(size: 4096, offset: 0, queues: 1, ringSize: 8)).encode()[..<20])
    #expect(try SetInflight(decoding: packed, descriptors: 1, request: 32).area.ringSize == 8)
    #expect(try GetConfig(decoding: u32(4, 8, 0), descriptors: 0, request: 24).size == 8)
    #expect(try ConfigReply(decoding: [], descriptors: 0, request: 24).size == 0)
  }

  /// The samples' payloads by the tables of Protocols/VhostUser/README.md, written by hand.
  static let wire: [String: [UInt8]] = [
    "SET_FEATURES": u64(0x1_7000_0000), "SET_PROTOCOL_FEATURES": u64(9),
    "SET_MEM_TABLE": u32(2, 0) + u64(0x9000_0000, 0x1000, 0x9000_0000, 0x4000) + u64(0, 0x1000, 0, 0),
    "ADD_MEM_REG": u64(0, 0x9000_0000, 0x1000, 0x9000_0000, 0x4000),
    "REM_MEM_REG": u64(0, 0x9000_0000, 0x1000, 0x9000_0000, 0x4000),
    "SET_LOG_BASE": u64(0x1000, 0),
    "IOTLB_MSG": u64(1, 2, 3) + [1, 2, 0, 0, 0, 0, 0, 0],
    "GET_INFLIGHT_FD": u64(0, 0) + u16(4, 128, 0, 0), "SET_INFLIGHT_FD": u64(4096, 0) + u16(4, 128, 0, 0),
    "SET_VRING_NUM": u32(2, 256), "SET_VRING_BASE": u32(2, 0x8000_8000), "GET_VRING_BASE": u32(2, 0),
    "SET_VRING_ADDR": u32(2, 0) + u64(0x1000, 0x3000, 0x2000, 0),
    "SET_VRING_KICK": u64(2), "SET_VRING_CALL": u64(2), "SET_VRING_ERR": u64(0x102),
    "SET_VRING_ENABLE": u32(2, 1), "VRING_KICK": u32(2, 0),
    "GET_CONFIG": u32(0, 8, 0) + u64(0), "SET_CONFIG": u32(32, 1, 0) + [1],
    "SET_STATUS": u64(15), "SET_DEVICE_STATE_FD": u32(1, 0),
    "BACKEND_IOTLB_MSG": u64(1, 2, 3) + [3, 1, 0, 0, 0, 0, 0, 0],
    "BACKEND_VRING_HOST_NOTIFIER_MSG": u64(1, 4096, 0),
    "BACKEND_VRING_CALL": u32(3, 0), "BACKEND_VRING_ERR": u32(3, 0),
    "NumberReply": u64(0x1234_5678_9abc_def0), "VringBaseReply": u32(1, 7), "ConfigReply": u32(0, 4, 0) + [1, 2, 3, 4],
    "InflightReply": u64(4096, 0) + u16(1, 64, 0, 0),
    "SharedMemoryReply": u32(1, 0) + u64(4096) + [UInt8](repeating: 0, count: 255 * 8),
  ]

  @Test("the wire layout is that of the specification", arguments: all)
  func layout(_ sample: Sample) {
    #expect(sample.payload == MessageTests.wire[sample.name] ?? [])
  }

  @Test("a header is three words")
  func headerLayout() throws {
    let header = VhostHeader(request: 7, flags: 9, payloadSize: 8)
    #expect(header.encode() == u32(7, 9, 8))
    #expect(try VhostHeader(u32(7, 9, 8)) == header)
    #expect(header.needsReply && !header.isReply)
  }

  @Test("every message of both directions has a sample")
  func complete() {
    // Messages that Atoll never uses have no type: RARP, MTU, endian, crypto, postcopy, GPU, dma-buf.
    let absent: Set<FrontEndRequest> = [
      .sendRARP, .setMTU, .setVringEndian, .createCryptoSession, .closeCryptoSession, .postcopyAdvise, .postcopyListen,
      .postcopyEnd, .setGPUSocket, .getSharedObject,
    ]
    let expected = Set(FrontEndRequest.allCases).subtracting(absent).map { $0.rawValue }
    #expect(Set(Samples.frontEnd.map { $0.request }) == Set(expected))
    #expect(Set(Samples.backEnd.map { $0.request }) == [1, 2, 3, 4, 5])
  }

  @Test("random payloads of any length are decoded or refused", arguments: all)
  func random(_ sample: Sample) {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      var payload = sample.payload
      switch UInt8.random(in: 0..<3, using: &generator) {
      case 0:
        payload = (0..<Int.random(in: 0...300, using: &generator)).map { _ in .random(in: 0...255, using: &generator) }
      case 1:
        if !payload.isEmpty {
          payload[Int.random(in: 0..<payload.count, using: &generator)] = .random(in: 0...255, using: &generator)
        }
      default: for i in payload.indices { payload[i] = .random(in: 0...255, using: &generator) }
      }
      guard let again = try? sample.recode(payload, sample.descriptors) else { continue }
      #expect((try? sample.recode(again, sample.descriptors)) == again)
    }
  }

  @Test(
    "a header is refused for version, unknown flags and size",
    arguments: [
      (VhostHeader(request: 1, flags: 0, payloadSize: 0), VhostMessageError.unsupportedVersion(0)),
      (VhostHeader(request: 1, flags: 2, payloadSize: 0), .unsupportedVersion(2)),
      (VhostHeader(request: 1, flags: 3, payloadSize: 0), .unsupportedVersion(3)),
      (VhostHeader(request: 1, flags: 0x11, payloadSize: 0), .unexpectedFlags(0x11)),
      (VhostHeader(request: 1, flags: 0x8000_0001, payloadSize: 0), .unexpectedFlags(0x8000_0001)),
      (VhostHeader(request: 1, flags: 1, payloadSize: 4097), .oversized(4097)),
      (VhostHeader(request: 1, flags: 1, payloadSize: .max), .oversized(.max)),
    ])
  func header(_ header: VhostHeader, _ error: VhostMessageError) {
    #expect(throws: error) { try header.check() }
  }

  @Test("requests and names are one to one, and errors have sentences")
  func names() {
    #expect(Set(FrontEndRequest.allCases.map { "\($0.name)" }).count == 44)
    #expect(Set(BackEndRequest.allCases.map { "\($0.name)" }).count == 10)
    let errors: [VhostMessageError] = [
      .unsupportedVersion(0), .unexpectedFlags(0), .oversized(0), .wrongSize(request: 1, size: 2), .unknownRequest(1),
      .unexpectedRequest(1), .wrongDescriptorCount(request: 1, count: 2), .strayDescriptors,
      .impossible(request: 1, "x"),
    ]
    #expect(Set(errors.map { $0.sentence }).count == errors.count)
    #expect(errors.allSatisfy { $0 == $0 })
  }
}
