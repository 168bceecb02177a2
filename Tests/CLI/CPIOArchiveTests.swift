import Foundation
import Testing

@testable import atoll

/// Reads the "new ASCII" format back, from its description and not from the writer.
private struct CPIOReader {
  struct Entry: Equatable {
    var name: String
    var mode: Int
    var content: [UInt8]
    var device: [Int]
  }
  var entries: [Entry] = []

  init?(_ bytes: [UInt8]) {
    var at = 0
    while at + 110 <= bytes.count {
      guard bytes[at..<at + 6].elementsEqual("070701".utf8) else { return nil }
      let fields = (0..<13).map { index in
        Int(String(decoding: bytes[at + 6 + index * 8..<at + 14 + index * 8], as: UTF8.self), radix: 16) ?? -1
      }
      let nameEnd = at + 110 + fields[11]
      guard nameEnd <= bytes.count, bytes[nameEnd - 1] == 0 else { return nil }
      let name = String(decoding: bytes[at + 110..<nameEnd - 1], as: UTF8.self)
      let start = (nameEnd + 3) & ~3
      guard start + fields[6] <= bytes.count else { return nil }
      if name == "TRAILER!!!" { return }
      entries.append(
        Entry(
          name: name, mode: fields[1], content: Array(bytes[start..<start + fields[6]]),
          device: [fields[9], fields[10]]))
      at = (start + fields[6] + 3) & ~3
    }
    return nil
  }
}

struct CPIOArchiveTests {
  private func disk(_ busybox: [UInt8]) -> [UInt8] {
    InitialRAMDisk.build(busybox: busybox, modules: ModuleTree(release: "7.2"))
  }

  @Test(arguments: 0..<9)
  func fileOfAnyLengthComesBack(_ length: Int) throws {
    var archive = CPIOArchive()
    archive.addDirectory("d")
    archive.addFile("d/f", Array(repeating: 0xa5, count: length), mode: 0o755)
    archive.addLink("l", to: "d/f")
    archive.addDevice("c", major: 5, minor: 1)
    let entries = try #require(CPIOReader(archive.finish())).entries
    #expect(entries.map(\.name) == ["d", "d/f", "l", "c"])
    #expect(entries.map(\.mode) == [0o040755, 0o100755, 0o120777, 0o020600])
    #expect(entries[1].content.count == length && entries[2].content == Array("d/f".utf8))
    #expect(entries[3].device == [5, 1])
  }

  @Test func sameContentGivesTheSameArchive() {
    #expect(disk([1, 2, 3]) == disk([1, 2, 3]))
  }

  @Test func initialRAMDiskHasInitAndShell() throws {
    let entries = try #require(CPIOReader(disk([7]))).entries
    let named = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
    #expect(named["bin/busybox"]?.content == [7] && named["bin/busybox"]?.mode == 0o100755)
    #expect(named["init"]?.mode == 0o100755 && named["dev/console"]?.device == [5, 1])
    #expect(named["lib/modules/7.2/modules.dep"]?.content == [] && named["sbin/modprobe"] != nil)
    let script = String(decoding: named["init"]?.content ?? [], as: UTF8.self)
    #expect(script.hasPrefix("#!/bin/busybox sh\n") && script.contains(InitialRAMDisk.marker))
    for entry in entries where entry.name.contains("/") {
      let parent = entry.name.split(separator: "/").dropLast().joined(separator: "/")
      #expect(named[parent] != nil, "a folder comes before what is in it")
    }
  }
}
