import Testing
import VhostUser

/// One message of the protocol: a right payload, how many descriptors go with it, and wrong payloads of the right length.
struct Sample: Sendable, CustomTestStringConvertible {
  let name: String
  let request: UInt32
  let payload: [UInt8]
  let descriptors: Int
  /// Descriptor counts that are accepted.
  let accepted: Set<Int>
  /// Lengths that the message may have beside its sample's.
  let otherLengths: Set<Int>
  /// Payloads of which one field is out of range.
  let impossible: [[UInt8]]
  /// Decodes and encodes again.
  let recode: @Sendable ([UInt8], Int) throws(VhostMessageError) -> [UInt8]

  var testDescription: String { name }

  init<M: VhostPayload>(
    _ name: String, _ request: UInt32, _ message: M, accepted: Set<Int>? = nil, otherLengths: Set<Int> = [],
    impossible: [[UInt8]] = []
  ) {
    (self.name, self.request, self.impossible, self.otherLengths) = (name, request, impossible, otherLengths)
    payload = message.encode()
    descriptors = message.descriptorCount
    self.accepted = accepted ?? [message.descriptorCount]
    recode = { (bytes, count) throws(VhostMessageError) in
      try M(decoding: bytes, descriptors: count, request: request).encode()
    }
  }

  init<M: FrontEndMessage>(
    _ message: M, accepted: Set<Int>? = nil, otherLengths: Set<Int> = [], impossible: [[UInt8]] = []
  ) {
    self.init(
      "\(M.request.name)", M.request.rawValue, message, accepted: accepted, otherLengths: otherLengths,
      impossible: impossible)
  }

  init<M: BackEndMessage>(_ message: M, impossible: [[UInt8]] = []) {
    self.init("\(M.request.name)", M.request.rawValue, message, impossible: impossible)
  }
}

/// A payload from fields, written here and not by the module.
func bytes(_ fields: UInt64..., width: Int) -> [UInt8] {
  fields.flatMap { field in (0..<width).map { UInt8(truncatingIfNeeded: field >> UInt64(8 * $0)) } }
}
func u64(_ fields: UInt64...) -> [UInt8] { fields.flatMap { bytes($0, width: 8) } }
func u32(_ fields: UInt64...) -> [UInt8] { fields.flatMap { bytes($0, width: 4) } }
func u16(_ fields: UInt64...) -> [UInt8] { fields.flatMap { bytes($0, width: 2) } }

let region = MemoryRegion(guestAddress: 0x9000_0000, size: 0x1000, userAddress: 0x9000_0000, fileOffset: 0x4000)
let otherRegion = MemoryRegion(guestAddress: 0, size: 0x1000, userAddress: 0, fileOffset: 0)
let top = UInt64.max

enum Samples {
  static let frontEnd: [Sample] = session + memory + rings + device
  static let backEnd: [Sample] = [
    Sample(
      BackEndIOTLB(IOTLBEntry(iova: 1, size: 2, userAddress: 3, permissions: 3, kind: .miss)),
      impossible: [u64(1, 2, 3, 4), u64(1, 2, 3, 0x503), u64(1, 2, 3, 0x003)]),
    Sample(ConfigChanged()),
    Sample(SetHostNotifier(value: 1, size: 4096, offset: 0), impossible: [u64(0x201, 4096, 0)]),
    Sample(BackEndVringCall(index: 3), impossible: [u32(3, 1), u32(256, 0)]),
    Sample(BackEndVringError(index: 3), impossible: [u32(3, 1), u32(256, 0)]),
  ]
  static let replies: [Sample] = [
    Sample("NumberReply", 1, NumberReply(0x1234_5678_9abc_def0)),
    Sample("VringBaseReply", 11, VringBaseReply(index: 1, number: 7), impossible: [u32(256, 0)]),
    Sample(
      "ConfigReply", 24, ConfigReply(offset: 0, size: 4, flags: 0, bytes: [1, 2, 3, 4]), otherLengths: [0],
      impossible: [u32(253, 4, 0, 0), u32(0, 4, 2, 0)]),
    Sample(
      "InflightReply", 31, InflightReply(InflightArea(size: 4096, offset: 0, queues: 1, ringSize: 64)),
      otherLengths: [20], impossible: [u64(0, 0, 0x40_0001), u64(top, 1, 0x40_0001)]),
    Sample(
      "SharedMemoryReply", 44, SharedMemoryReply([4096]),
      impossible: [u32(1, 0) + u64(4095) + .init(repeating: 0, count: 2040)]),
  ]

  private static let session: [Sample] = [
    Sample(GetFeatures()),
    Sample(SetFeatures(0x1_7000_0000)),
    Sample(SetOwner()),
    Sample(ResetOwner()),
    Sample(GetProtocolFeatures()),
    Sample(
      SetProtocolFeatures(0x9), impossible: [u64(1 << 14), u64(1 << 14 | 1 << 5), u64(1 << 14 | 1 << 3), u64(1 << 20)]),
    Sample(GetQueueCount()),
    Sample(SetBackEndChannel()),
  ]

  private static let memory: [Sample] = [
    Sample(
      SetMemoryTable([region, otherRegion]), otherLengths: [8 + 8 * 32],
      impossible: [
        table(region, region),
        table(region, MemoryRegion(guestAddress: 0x9000_0fff, size: 1, userAddress: 0, fileOffset: 0)),
        table(region, MemoryRegion(guestAddress: 0, size: 0x1000, userAddress: 0x8fff_f001, fileOffset: 0)),
        table(region, MemoryRegion(guestAddress: 0, size: 0, userAddress: 0, fileOffset: 0)),
        table(region, MemoryRegion(guestAddress: top, size: 2, userAddress: 0, fileOffset: 0)),
        table(region, MemoryRegion(guestAddress: 0, size: 2, userAddress: top, fileOffset: 0)),
        table(region, MemoryRegion(guestAddress: 0, size: 2, userAddress: 0, fileOffset: top)),
        u32(9, 0) + table(region, otherRegion).dropFirst(8), u32(UInt64(UInt32.max), 0) + u64(0, 0, 0, 0, 0, 0, 0, 0),
      ]),
    Sample(GetMemorySlots()),
    Sample(AddMemoryRegion(region), impossible: [u64(0, 0, 0, 0, 0), u64(0, top, 2, 0, 0)]),
    Sample(RemoveMemoryRegion(region), accepted: [0, 1], impossible: [u64(0, 0, 0, 0, 0)]),
    Sample(SetLogBase(size: 0x1000, offset: 0), impossible: [u64(2, top)]),
    Sample(SetLogDescriptor()),
    Sample(
      IOTLBMessage(IOTLBEntry(iova: 1, size: 2, userAddress: 3, permissions: 1, kind: .update)),
      impossible: [u64(1, 2, 3, 0x104), u64(1, 2, 3, 0x601)]),
    Sample(
      GetInflight(InflightArea(size: 0, offset: 0, queues: 4, ringSize: 128)), otherLengths: [20],
      impossible: [u64(0, 0, 0x80_0000), u64(0, 0, 4), u64(0, 0, 0x8001_0004)]),
    Sample(
      SetInflight(InflightArea(size: 4096, offset: 0, queues: 4, ringSize: 128)), otherLengths: [20],
      impossible: [u64(0, 0, 0x80_0004), u64(top, 1, 0x80_0004), u64(4096, 0, 0x80_0000)]),
  ]

  private static let rings: [Sample] = [
    Sample(SetVringSize(index: 2, number: 256), impossible: [u32(256, 256), u32(2, 0), u32(2, 32769)]),
    Sample(
      SetVringAddress(index: 2, descriptors: 0x1000, used: 0x3000, available: 0x2000),
      impossible: [u32(256, 0) + u64(1, 2, 3, 4), u32(2, 2) + u64(1, 2, 3, 4)]),
    Sample(SetVringBase(index: 2, number: 0x8000_8000), impossible: [u32(256, 0)]),
    Sample(GetVringBase(index: 2), impossible: [u32(256, 0)]),
    Sample(SetVringKick(index: 2, hasDescriptor: true), impossible: [u64(0x202), u64(1 << 63)]),
    Sample(SetVringCall(index: 2, hasDescriptor: true), impossible: [u64(0x202)]),
    Sample(SetVringError(index: 2, hasDescriptor: false), impossible: [u64(0x302)]),
    Sample(SetVringEnable(index: 2, number: 1), impossible: [u32(2, 2), u32(256, 1)]),
    Sample(VringKick(index: 2), impossible: [u32(2, 1), u32(256, 0)]),
  ]

  private static let device: [Sample] = [
    Sample(
      GetConfig(offset: 0, size: 8), otherLengths: [12],
      impossible: [
        u32(0, 0, 0), u32(249, 8, 0) + u64(0), u32(UInt64(UInt32.max), 8, 0) + u64(0), u32(0, 8, 2) + u64(0),
      ]),
    Sample(SetConfig(offset: 32, bytes: [1]), impossible: [u32(256, 1, 0) + [1], u32(0, 1, 2) + [1], u32(0, 0, 0)]),
    Sample(ResetDevice()),
    Sample(SetStatus(15), impossible: [u64(256)]),
    Sample(GetStatus()),
    Sample(SetDeviceState(.load), impossible: [u32(2, 0), u32(0, 1)]),
    Sample(CheckDeviceState()),
    Sample(GetSharedMemoryConfig()),
  ]

  private static func table(_ regions: MemoryRegion...) -> [UInt8] {
    u32(UInt64(regions.count), 0) + regions.flatMap { u64($0.guestAddress, $0.size, $0.userAddress, $0.fileOffset) }
  }
}
