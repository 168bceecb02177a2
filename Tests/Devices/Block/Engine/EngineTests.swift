import BlockEngine
import BlockModel
import Foundation
import FuzzSupport
import System
import Testing

func contents(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path))) }

private func allocated(_ path: String) -> Int {
  var facts = stat()
  return stat(path, &facts) == 0 ? Int(facts.st_blocks) * 512 : -1
}

@Suite("Block engine")
struct EngineTests {
  @Test("what is written is in the file and is read back, whatever the framing", arguments: DiskSetting.all)
  func roundTrip(setting: DiskSetting) throws {
    let folder = try Folder()
    let path = try folder.file(pattern(1 << 20))
    let rig = try DiskRig(path, setting)
    let data = pattern(64 << 10, 2)

    for (sector, pieces) in [(8, []), (256, [4096, 512, 8192]), (1024, Array(repeating: 512, count: 127))]
      as [(UInt64, [Int])]
    {
      let wrote = try rig.write(sector, data, pieces: pieces)
      let read = try rig.read(sector, data.count, pieces: pieces)
      #expect(wrote == Outcome(status: .done, written: 1))
      #expect(read == Outcome(status: .done, written: UInt32(data.count + 1), data: data))
    }
    let file = try contents(path)
    #expect(file.count == 1 << 20)
    #expect(Array(file[(8 * 512)..<(8 * 512 + data.count)]) == data)
  }

  @Test("memory that is not aligned takes any path to the disk and back", arguments: DiskSetting.all)
  func misaligned(setting: DiskSetting) throws {
    let folder = try Folder()
    let rig = try DiskRig(try folder.file(pattern(4 << 20)), setting)
    let data = pattern((2 << 20) + 4096, 3)

    let wrote = try rig.write(8, data, pieces: [1, 511, 7, 4096], aligned: false)
    let read = try rig.read(8, data.count, pieces: [100, 1, 1, 70000], aligned: false)

    #expect(wrote.status == .done)
    #expect(read.status == .done)
    #expect(read.data == data)
    #expect((rig.engine.bounced > 0) == (setting.cache == .none))
  }

  @Test("many requests at once come back, each once", arguments: DiskSetting.all)
  func deep(setting: DiskSetting) throws {
    let folder = try Folder()
    let disk = pattern(1 << 20)
    let rig = try DiskRig(try folder.file(disk), setting)

    let pending = try (0..<200).map { try rig.offer(header(RequestType.read, UInt64($0 * 8)), room: 4097) }
    let outcomes = try rig.serve(pending)

    for (index, outcome) in outcomes.enumerated() {
      #expect(outcome.status == .done)
      #expect(outcome.data == Array(disk[(index * 4096)..<(index * 4096 + 4096)]))
    }
    #expect(rig.engine.outstanding(0) == 0)
  }

  @Test("32 reads take one system call with io_uring")
  func batch() throws {
    let folder = try Folder()
    let rig = try DiskRig(try folder.file(pattern(1 << 20)))
    guard rig.engine.missingRing == nil else { return }

    let pending = try (0..<32).map { try rig.offer(header(RequestType.read, UInt64($0 * 8)), room: 4097) }
    let before = rig.engine.systemCalls
    _ = try rig.serve(pending)

    #expect(rig.engine.systemCalls - before == 1)
  }

  @Test("a flush succeeds", arguments: DiskSetting.all)
  func flush(setting: DiskSetting) throws {
    let folder = try Folder()
    let rig = try DiskRig(try folder.file(pattern(4096)), setting)

    #expect(try rig.flush() == Outcome(status: .done, written: 1))
  }

  @Test("a driver without FLUSH gets writes that are stable, of data and of zeroes", arguments: DiskSetting.all)
  func writeThrough(setting: DiskSetting) throws {
    let folder = try Folder()
    let rig = try DiskRig(try folder.file(pattern(1 << 16)), setting)
    rig.engine.writesThrough = true

    #expect(try rig.write(0, pattern(4096, 9)).status == .done)
    #expect(try rig.range(RequestType.writeZeroes, 8, 8).status == .done)
    #expect(try rig.range(RequestType.discard, 16, 8).status == .done)
    #expect(try rig.read(0, 4096).data == pattern(4096, 9))
  }

  @Test("the identity is 20 bytes, padded")
  func identity() throws {
    let folder = try Folder()
    let rig = try DiskRig(try folder.file(pattern(4096)), identity: "root-disk")

    let all = try rig.run(header(RequestType.identify, 0), room: 21)
    let some = try rig.run(header(RequestType.identify, 0), room: 5)

    #expect(
      all == Outcome(status: .done, written: 21, data: Array("root-disk".utf8) + [UInt8](repeating: 0, count: 11)))
    #expect(some == Outcome(status: .done, written: 5, data: Array("root".utf8)))
  }

  @Test("a discarded range gives its space back and stays inside the file", arguments: DiskSetting.all)
  func discard(setting: DiskSetting) throws {
    let folder = try Folder()
    let path = try folder.file(pattern(4 << 20))
    let rig = try DiskRig(path, setting)
    _ = try rig.flush()
    let before = allocated(path)

    let outcome = try rig.range(RequestType.discard, 2048, 4096)

    #expect(outcome.status == .done)
    #expect(before - allocated(path) >= 2 << 20)
    let file = try contents(path)
    #expect(file.count == 4 << 20)
    #expect(file[(1 << 20)..<(3 << 20)].allSatisfy { $0 == 0 })
    #expect(Array(file[0..<(1 << 20)]) == Array(pattern(4 << 20)[0..<(1 << 20)]))
  }

  @Test("a zeroed range reads as zeroes and no more than it", arguments: DiskSetting.all)
  func writeZeroes(setting: DiskSetting) throws {
    let folder = try Folder()
    let disk = pattern(1 << 20)
    let path = try folder.file(disk)
    let rig = try DiskRig(path, setting)

    #expect(try rig.range(RequestType.writeZeroes, 8, 16).status == .done)
    #expect(try rig.range(RequestType.writeZeroes, 64, 16, flags: 1).status == .done)

    var expected = disk
    for sector in [8..<24, 64..<80] {
      for byte in (sector.lowerBound * 512)..<(sector.upperBound * 512) { expected[byte] = 0 }
    }
    #expect(try contents(path) == expected)
  }

  @Test("a read-only disk is read, and never written")
  func readOnly() throws {
    let folder = try Folder()
    let disk = pattern(1 << 16)
    let path = try folder.file(disk)
    let rig = try DiskRig(path, readOnly: true)

    #expect(try rig.read(0, 4096).data == Array(disk[0..<4096]))
    #expect(try rig.flush().status == .done)
    #expect(try rig.write(0, pattern(512, 5)) == Outcome(status: .failed, written: 1))
    #expect(try rig.range(RequestType.discard, 0, 8).status == .failed)
    #expect(try rig.range(RequestType.writeZeroes, 0, 8).status == .failed)
    #expect(try contents(path) == disk)
    #expect(rig.engine.failures.refused == 3)
  }

  @Test(
    "bad requests get a status where there is room for one, and the next request is served", arguments: DiskSetting.all)
  func badRequests(setting: DiskSetting) throws {
    let folder = try Folder()
    let disk = pattern(1 << 16)
    let rig = try DiskRig(try folder.file(disk), setting)

    #expect(try rig.run([0, 0, 0], room: 1) == Outcome(status: .failed, written: 1))
    #expect(try rig.run(header(RequestType.write, 0), room: 0) == Outcome(status: nil, written: 0))
    #expect(try rig.run([], room: 1) == Outcome(status: .failed, written: 1))
    #expect(try rig.run(header(99, 0), room: 1) == Outcome(status: .unsupported, written: 1))
    #expect(try rig.read(128, 512).status == .failed)
    #expect(try rig.read(.max, 512).status == .failed)
    #expect(try rig.read(0, 100).status == .failed)
    #expect(try rig.read(0, 512).data == Array(disk[0..<512]))
  }

  @Test("a file that shrinks fails the reads that miss it and keeps serving the rest", arguments: DiskSetting.all)
  func shrunk(setting: DiskSetting) throws {
    let folder = try Folder()
    let disk = pattern(1 << 16)
    let path = try folder.file(disk)
    let rig = try DiskRig(path, setting)

    truncate(path, 8192)

    let across = try rig.read(8, 8192)
    #expect(across.status == .failed)
    #expect(across.written == 4096)
    #expect(Array(across.data[0..<4096]) == Array(disk[4096..<8192]))
    #expect(try rig.read(64, 512).status == .failed)
    #expect(try rig.read(0, 4096).data == Array(disk[0..<4096]))
    #expect(rig.engine.failures.failed == 2)
  }
}
