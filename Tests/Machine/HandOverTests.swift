import Testing

@testable import Machine

@Suite struct HandOverTests {
  private static let kernel = AddressRange(0x20_0000, 0x1a0_0000)

  @Test(arguments: [1, 2, 3, 64, 128, 256], [false, true])
  func nothingOverlapsAndAllLiesInItsPlace(vcpus: Int, deviceTree: Bool) {
    for mebibytes in [64, 256, 272, 1024, 1 << 26] as [UInt64] {
      for length in [0, 4096] {
        let shape = MachineShape(
          vcpus: vcpus, ramBytes: mebibytes << 20, deviceTree: deviceTree,
          commandLine: [UInt8](repeating: 97, count: length))
        let handOver = HandOver(
          shape, kernel: Self.kernel, initrd: AddressRange(0x1c0_0000, 0x1_0000), initrdSize: 0x1234)
        check(handOver)
      }
    }
  }

  private func check(_ handOver: HandOver) {
    let places = [
      FirmwareLayout.commandLine, FirmwareLayout.memoryMap, FirmwareLayout.initrdTable, FirmwareLayout.systemTable,
      FirmwareLayout.runtimeTable, FirmwareLayout.runtimeProperties, FirmwareLayout.runtimeCode, FirmwareLayout.parking,
      FirmwareLayout.acpi, FirmwareLayout.deviceTree,
    ]
    for (index, blob) in handOver.blobs.enumerated() {
      #expect(!blob.bytes.isEmpty)
      #expect(places.contains { $0.start == blob.address && $0.contains(blob.range) }, "\(blob.range)")
      for other in handOver.blobs[(index + 1)...] { #expect(!blob.range.overlaps(other.range)) }
    }
  }

  @Test func entryPointFollowsTheBootProtocol() {
    let entry = HandOver.entryPoint(pc: 0x12e_9000)
    #expect(entry.pc == 0x12e_9000)
    #expect(entry.a0 == 1)
    #expect(entry.a1 == FirmwareLayout.commandLine.start)
    #expect(entry.a2 == FirmwareLayout.systemTable.start)
    #expect(entry.park == FirmwareLayout.parking.start)
  }

  @Test(arguments: [1, 256])
  func deviceTreeReadsBackAndFitsInWhatLinuxMaps(vcpus: Int) throws {
    let blob = MachineTree.blob(
      vcpus: vcpus, ramBytes: 1 << 30, commandLine: [UInt8](repeating: 97, count: 4096),
      initrd: AddressRange(0x1_2345_0000, 0x1234))
    #expect(blob.count <= MachineTree.maximumSize)
    let tree = try #require(TreeReader(blob))
    #expect(tree.property("/chosen", "linux,initrd-start") == [1, 0x2345_0000].bigEndianBytes)
    #expect(tree.property("/memory@90000000", "reg") == [0, 0x9000_0000, 0, 0x3000_0000].bigEndianBytes)
    #expect(tree.property("/serial@1fe001e0", "interrupts") == [2, 1].bigEndianBytes)
    #expect(tree.property("/rtc@100d0100", "interrupts") == [6, 1].bigEndianBytes)
    #expect(tree.property("/poweroff", "value") == [0x34].bigEndianBytes)
    #expect(tree.nodes.filter { $0.hasPrefix("/cpus/cpu@") }.count == vcpus)
    #expect(tree.property("/cpus/cpu@\(String(vcpus - 1, radix: 16))", "reg") == [UInt32(vcpus - 1)].bigEndianBytes)
  }
}

extension [UInt32] {
  fileprivate var bigEndianBytes: [UInt8] { flatMap { word in (0..<4).map { UInt8(word >> (24 - 8 * $0) & 0xff) } } }
}

/// An independent reader of flattened trees (Devicetree Specification 0.4, 5.4).
private struct TreeReader {
  private(set) var nodes: [String] = []
  private var properties: [String: [UInt8]] = [:]

  init?(_ blob: [UInt8]) {
    func word(_ at: Int) -> Int { (0..<4).reduce(0) { $0 << 8 | Int(blob[at + $1]) } }
    func text(_ at: Int) -> String { String(decoding: blob[at...].prefix { $0 != 0 }, as: UTF8.self) }
    guard word(0) == 0xd00d_feed, word(4) == blob.count, word(20) == 17 else { return nil }
    var (at, path) = (word(8), [String]())
    let end = at + word(36)
    while at < end {
      switch word(at) {
      case 1:
        path.append(text(at + 4))
        nodes.append(path.count == 1 ? "/" : path.joined(separator: "/"))
        at += 4 + (text(at + 4).utf8.count + 4) / 4 * 4
      case 2:
        path.removeLast()
        at += 4
      case 3:
        let key = path.joined(separator: "/") + "|" + text(word(12) + word(at + 8))
        properties[key] = Array(blob[at + 12..<at + 12 + word(at + 4)])
        at += 12 + (word(at + 4) + 3) / 4 * 4
      case 9:
        guard path.isEmpty, at + 4 == end else { return nil }
        return
      default: return nil
      }
    }
    return nil
  }

  func property(_ node: String, _ name: String) -> [UInt8]? { properties[node + "|" + name] }
}
