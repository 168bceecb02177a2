import Testing

@testable import atoll

/// A relocatable ELF file with a section ".modinfo", from the ELF specification and not from the reader.
private func module(_ info: [String], sectionName: String = ".modinfo") -> [UInt8] {
  let names = [UInt8]("\0\(sectionName)\0".utf8)
  let content: [UInt8] = info.flatMap { [UInt8]($0.utf8) + [0] }
  var file: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1]
  file += [UInt8](repeating: 0, count: 58)
  let namesAt = file.count
  file += names
  let contentAt = file.count
  file += content
  let table = file.count
  func section(_ name: UInt32, _ offset: Int, _ size: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 64)
    put(UInt64(name), 4, at: 0, &bytes)
    put(UInt64(offset), 8, at: 0x18, &bytes)
    put(UInt64(size), 8, at: 0x20, &bytes)
    return bytes
  }
  file += section(0, 0, 0)
  file += section(1, contentAt, content.count)
  file += section(0, namesAt, names.count)
  put(UInt64(table), 8, at: 0x28, &file)
  put(64, 2, at: 0x3a, &file)
  put(3, 2, at: 0x3c, &file)
  put(2, 2, at: 0x3e, &file)
  return file
}

private func put(_ value: UInt64, _ count: Int, at offset: Int, _ bytes: inout [UInt8]) {
  for i in 0..<count { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
}

struct KernelModuleTests {
  @Test func moduleTellsNameDependenciesAndAliases() throws {
    let file = module([
      "license=GPL", "alias=virtio:d00000001v*", "depends=net-failover,x", "name=virtio_net", "alias=y",
    ])
    let found = try #require(KernelModule(file))
    #expect(found.name == "virtio_net" && found.dependencies == ["net_failover", "x"])
    #expect(found.aliases == ["virtio:d00000001v*", "y"] && found.file == file)
  }

  @Test func fileThatIsNoModuleIsRefused() {
    #expect(KernelModule([]) == nil)
    #expect(KernelModule(module(["name=a"], sectionName: ".other")) == nil)
    #expect(KernelModule(module(["license=GPL"])) == nil)
  }

  @Test func damagedFileIsRefusedAtEveryLengthAndByte() {
    let file = module(["name=a", "depends="])
    for length in 0..<file.count { _ = KernelModule(Array(file[..<length])) }
    for index in file.indices {
      var damaged = file
      damaged[index] = 0xff
      _ = KernelModule(damaged)
    }
  }

  @Test func tableNamesEveryDependencyLastLoadedFirst() throws {
    var tree = ModuleTree(release: "7.2")
    for (name, depends) in [("crc16", ""), ("jbd2", ""), ("mid", "crc16"), ("ext4", "jbd2,mid")] {
      tree.add(try #require(KernelModule(module(["name=\(name)", "depends=\(depends)", "alias=fs-\(name)"]))))
    }
    #expect(tree.dependencyTable == "crc16.ko:\njbd2.ko:\nmid.ko: crc16.ko\next4.ko: mid.ko jbd2.ko crc16.ko\n")
    #expect(tree.aliasTable.hasSuffix("alias fs-ext4 ext4\n") && tree.folder == "lib/modules/7.2")
  }
}

struct XZLibraryTests {
  /// xz(1)'s of "atoll\n".
  private static let packed: [UInt8] = [
    0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x16,
    0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x05, 0x61, 0x74, 0x6f, 0x6c, 0x6c, 0x0a, 0x00,
    0x00, 0x00, 0x8a, 0x97, 0xac, 0x23, 0xa9, 0x20, 0xcf, 0x83, 0x00, 0x01, 0x1e, 0x06, 0xc1, 0x2f, 0xa4,
    0x1d, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
  ]

  @Test func packedFileComesBack() throws {
    #expect(try XZLibrary().unpack(XZLibraryTests.packed) == Array("atoll\n".utf8))
  }

  @Test func damagedFileIsRefused() throws {
    let library = try XZLibrary()
    #expect(library.unpack([]) == nil && library.unpack(Array(XZLibraryTests.packed.dropLast())) == nil)
  }
}
