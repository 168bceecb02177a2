import BlockEngine
import BlockModel
import FuzzSupport
import Testing

/// A byte array that does what the disk should do.
private struct ReferenceDisk {
  var bytes: [UInt8]

  mutating func write(_ offset: Int, _ data: [UInt8]) {
    bytes.replaceSubrange(offset..<offset + data.count, with: data)
  }
  mutating func zero(_ offset: Int, _ count: Int) { write(offset, [UInt8](repeating: 0, count: count)) }
}

@Suite("Random requests against a byte array")
struct RandomRequestTests {
  private static let zones = 8
  private static let zoneSectors = 64

  @Test("both agree on every status, every byte read, and on the file in the end", arguments: DiskSetting.all)
  func agree(setting: DiskSetting) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    let folder = try Folder()
    var reference = ReferenceDisk(bytes: pattern(Self.zones * Self.zoneSectors * 512))
    let path = try folder.file(reference.bytes)
    let rig = try DiskRig(path, setting)

    for _ in 0..<25 {
      try batch(rig, &reference, &random, seed, whole: setting.cache == .none ? 8 : 1)
    }

    #expect(try contents(path) == reference.bytes, "seed \(seed)")
    #expect(rig.engine.outstanding(0) == 0)
  }

  /// One request in each of some zones, so that their order does not matter. `whole`: sectors of the disk's block.
  private func batch(
    _ rig: DiskRig, _ reference: inout ReferenceDisk, _ random: inout SeededRandom, _ seed: UInt64, whole: Int
  ) throws {
    rig.rewind()
    var expected: [(data: [UInt8]?, status: RequestStatus)] = []
    var pending: [DiskRig.Pending] = []
    for zone in 0..<Self.zones where Bool.random(using: &random) {
      let sectors = Int.random(in: 1...(Self.zoneSectors / whole), using: &random) * whole
      let first = Int.random(in: 0...((Self.zoneSectors - sectors) / whole), using: &random) * whole
      let sector = zone * Self.zoneSectors + first
      let pieces = (0..<Int.random(in: 0...9, using: &random)).map { _ in Int.random(in: 1...9000, using: &random) }
      let (readable, room, answer) = request(&reference, sector, sectors, &random)
      pending.append(try rig.offer(readable, room: room, pieces: pieces, aligned: Bool.random(using: &random)))
      expected.append(answer)
    }
    for (outcome, answer) in zip(try rig.serve(pending), expected) {
      #expect(outcome.status == answer.status, "seed \(seed)")
      if let data = answer.data { #expect(outcome.data == data, "seed \(seed)") }
    }
  }

  private func request(
    _ reference: inout ReferenceDisk, _ sector: Int, _ sectors: Int, _ random: inout SeededRandom
  ) -> (readable: [UInt8], room: Int, answer: (data: [UInt8]?, status: RequestStatus)) {
    let (offset, count) = (sector * 512, sectors * 512)
    let range = bytes(UInt64(sector)) + bytes(UInt32(sectors))
    switch Int.random(in: 0..<8, using: &random) {
    case 0...2:
      return (
        header(RequestType.read, UInt64(sector)), count + 1, (Array(reference.bytes[offset..<offset + count]), .done)
      )
    case 3...4:
      let data = pattern(count, random.next())
      reference.write(offset, data)
      return (header(RequestType.write, UInt64(sector)) + data, 1, (nil, .done))
    case 5:
      reference.zero(offset, count)
      return (
        header(RequestType.writeZeroes, 0) + range + bytes(UInt32.random(in: 0...1, using: &random)), 1, (nil, .done)
      )
    case 6:
      // A file that can give space back reads as zeroes there.
      reference.zero(offset, count)
      return (header(RequestType.discard, 0) + range + bytes(UInt32(0)), 1, (nil, .done))
    default:
      return (header(RequestType.read, UInt64(reference.bytes.count / 512 - sectors + 1)), count + 1, (nil, .failed))
    }
  }
}
