import BlockModel
import Testing

extension [UInt8] {
  fileprivate func field<Value: FixedWidthInteger>(_ offset: Int, _ type: Value.Type) -> Value {
    var value: Value = 0
    for index in 0..<(Value.bitWidth / 8) { value |= Value(truncatingIfNeeded: self[offset + index]) << (8 * index) }
    return value
  }
}

private func geometry(_ bytes: Int64, readOnly: Bool = false, logical: Int = 512, physical: Int = 4096) -> DiskGeometry
{
  DiskGeometry(limits: BlockLimits(bytes: bytes, readOnly: readOnly), logicalBlock: logical, physicalBlock: physical)
}

@Suite("Configuration space and features")
struct ConfigurationTests {
  @Test("fields are where virtio 1.3, 5.2.4, has them")
  func layout() {
    let bytes = BlockConfiguration.bytes(geometry(1 << 30), queues: 4, segmentMax: 254)

    #expect(bytes.count == 60)
    #expect(bytes.field(0, UInt64.self) == 1 << 21)
    #expect(bytes.field(8, UInt32.self) == 0)
    #expect(bytes.field(12, UInt32.self) == 254)
    #expect(bytes.field(20, UInt32.self) == 512)
    #expect(bytes[24] == 3)
    #expect(bytes.field(26, UInt16.self) == 8)
    #expect(bytes[32] == 1)
    #expect(bytes.field(34, UInt16.self) == 4)
    #expect(bytes.field(36, UInt32.self) == BlockLimits.rangeSectors)
    #expect(bytes.field(40, UInt32.self) == 1)
    #expect(bytes.field(44, UInt32.self) == 8)
    #expect(bytes.field(48, UInt32.self) == BlockLimits.rangeSectors)
    #expect(bytes.field(52, UInt32.self) == 1)
    #expect(bytes[56] == 1)
  }

  @Test(
    "a capacity is whole sectors",
    arguments: [(512, 1), (1023, 1), (1024, 2), (0, 0), (-5, 0), (.max, 1 << 54 - 1)] as [(Int64, UInt64)])
  func capacity(bytes: Int64, sectors: UInt64) {
    #expect(BlockConfiguration.bytes(geometry(bytes), queues: 1, segmentMax: 1).field(0, UInt64.self) == sectors)
  }

  @Test(
    "block sizes that cannot be told become ones that can",
    arguments: [
      (512, 512, 512, 512), (4096, 512, 4096, 4096), (512, 3000, 512, 512), (0, 0, 512, 512), (1000, 4096, 512, 4096),
      (512, 1 << 20, 512, 512), (4096, 65536, 4096, 65536),
    ])
  func blocks(logical: Int, physical: Int, toldLogical: Int, toldPhysical: Int) {
    let told = geometry(1 << 20, logical: logical, physical: physical)

    #expect(told.logicalBlock == toldLogical)
    #expect(told.physicalBlock == toldPhysical)
  }

  @Test("a read-only disk offers RO and neither DISCARD nor WRITE_ZEROES")
  func readOnly() {
    let features = BlockFeature.offered(geometry(1 << 20, readOnly: true), queues: 1)

    #expect(features & BlockFeature.readOnly != 0)
    #expect(features & (BlockFeature.discard | BlockFeature.writeZeroes) == 0)
    #expect(features & BlockFeature.multiQueue == 0)
    let bytes = BlockConfiguration.bytes(geometry(1 << 20, readOnly: true), queues: 1, segmentMax: 254)
    #expect(bytes[36..<44].allSatisfy { $0 == 0 })
    #expect(bytes[48..<60].allSatisfy { $0 == 0 })
  }

  @Test("a writable disk of two queues offers MQ, DISCARD, WRITE_ZEROES and always FLUSH")
  func writable() {
    let features = BlockFeature.offered(geometry(1 << 20), queues: 2)

    #expect(features == 1 << 2 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13 | 1 << 14)
  }

  @Test("a driver without FLUSH gets write-through")
  func writeThrough() {
    #expect(BlockFeature.writesThrough(BlockFeature.segmentMax))
    #expect(!BlockFeature.writesThrough(BlockFeature.flush))
  }

  @Test("an identity is at most 20 printable characters")
  func identity() {
    #expect(DiskIdentity("root-1")?.bytes == Array("root-1".utf8) + [UInt8](repeating: 0, count: 14))
    #expect(DiskIdentity("12345678901234567890")?.bytes == Array("12345678901234567890".utf8))
    #expect(DiskIdentity("123456789012345678901") == nil)
    #expect(DiskIdentity("a b") == nil)
    #expect(DiskIdentity("ü") == nil)
    #expect(DiskIdentity.none.bytes == [UInt8](repeating: 0, count: 20))
  }
}

@Suite("Failures")
struct FailureTests {
  @Test("the 1st, 2nd, 4th, 8th … of a kind is told")
  func powersOfTwo() {
    var counts = FailureCounts()

    let told = (1...20).compactMap { _ in counts.count(BlockRefusal.beyondEnd) }

    #expect(told == [1, 2, 4, 8, 16])
    #expect(counts.refused == 20)
  }

  @Test("kinds are counted apart")
  func kinds() {
    var counts = FailureCounts()

    for refusal in BlockRefusal.allCases { #expect(counts.count(refusal) == 1) }
    for operation in DiskOperation.allCases { #expect(counts.count(operation) == 1) }
    #expect(counts.failed == 5)
  }
}
