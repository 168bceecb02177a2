import Testing

@testable import atoll

struct TarArchiveTests {
  private func members(_ bytes: [UInt8]) throws -> [TarMember] {
    var reader = TarReader(bytes)
    var members: [TarMember] = []
    while let member = try reader.next() { members.append(member) }
    return members
  }

  @Test(arguments: [0, 1, 511, 512, 513])
  func fileOfAnyLengthComesBackWithItsRecords(_ length: Int) throws {
    let file = TarWriter.file("d/f", [UInt8](repeating: 0xa5, count: length), mode: 0o755)
    let archive = TarWriter.directory("d") + file + TarWriter.end
    let found = try members(archive)
    #expect(found.map(\.path) == ["d", "d/f"] && found.map(\.kind) == [.directory, .file])
    #expect(archive[found[1].records].elementsEqual(file) && file.count % 512 == 0)
  }

  @Test func linksAreTold() throws {
    let archive = TarWriter.symbolicLink("bin", to: "usr/bin") + TarWriter.hardLink("b", to: "a") + TarWriter.end
    #expect(try members(archive).map(\.kind) == [.symbolicLink, .hardLink])
  }

  @Test(arguments: [97, 98, 99, 250, 600])
  func longNamesComeBack(_ length: Int) throws {
    let name = String(repeating: "n", count: length)
    #expect(try members(TarWriter.file(name, [1]) + TarWriter.end).map(\.path) == [name])
  }

  @Test func aLongNameIsPartOfItsMember() throws {
    let link = TarWriter.symbolicLink(String(repeating: "n", count: 120), to: String(repeating: "t", count: 120))
    #expect(try members(link + TarWriter.end).map(\.records) == [0..<link.count])
  }

  /// Written from the format's description, as a check on the writer's own idea of it.
  @Test func headerOfPOSIXHasItsPrefix() throws {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ offset: Int) {
      block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    put("./name", 0)
    put("00000000000", 124)
    put("        5", 148)
    put("ustar\u{0}00", 257)
    put("some/prefix", 345)
    let sum = block.reduce(0) { $0 + Int($1) }
    put(String(sum, radix: 8) + "\u{0}", 148)
    #expect(try members(block + TarWriter.end).map(\.path) == ["some/prefix/name"])
  }

  @Test func changedHeaderIsDamage() {
    var archive = TarWriter.file("f", [1, 2, 3])
    archive[3] ^= 1
    #expect(throws: TarError.damaged) { try members(archive) }
  }

  @Test(arguments: [1, 511, 513, 1023])
  func archiveCutShortIsTruncated(_ length: Int) {
    let archive = TarWriter.file("f", [1, 2, 3])
    #expect(throws: TarError.truncated) { try members(Array(archive.prefix(length))) }
  }

  @Test func archiveWithoutAnEndIsRead() throws { #expect(try members(TarWriter.file("f", [1])).count == 1) }

  @Test(arguments: ["../x", "a/../../x"])
  func namesThatLeadOutAreRefused(_ name: String) {
    #expect(throws: TarError.unexpected("the name ./\(name)")) { try members(TarWriter.file(name, [])) }
  }
}
