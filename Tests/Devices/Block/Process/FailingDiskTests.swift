import Foundation
import System
import Testing
import VhostBenchSupport

@Suite("atoll-block on a disk that fails")
struct FailingDiskTests {
  private func writeAll(_ disk: DiskProcess, blocks: Int) throws -> BlockWriter {
    let frontEnd = try FrontEnd(try disk.backEnd.connect(), FrontEndOptions())
    try frontEnd.connect()
    try frontEnd.start(queues: 1, features: 1 << 9)
    let writer = try BlockWriter(frontEnd, blocks: blocks, depth: 16)
    while writer.completed < 200 {
      try writer.fill()
      _ = try frontEnd.waitForSignal(of: 0)
      try writer.collect()
    }
    try writer.drain()
    return writer
  }

  @Test(
    "writes beyond the limit of file sizes fail, the others succeed, and the process stays",
    arguments: [[], ["--no-io-uring"]])
  func sizeLimit(options: [String]) throws {
    let disk = try DiskProcess([UInt8](repeating: 0, count: 64 * BlockWriter.blockSize), options) { _ in
      ["prlimit", "--fsize=\(32 * BlockWriter.blockSize)", "--"]
    }

    let writer = try writeAll(disk, blocks: 64)

    #expect(writer.refused > 0)
    #expect(writer.reported[32...].allSatisfy { $0 == 0 })
    #expect(writer.reported[..<32].contains { $0 > 0 })
  }

  @Test(
    "writes for which the file system has no space fail, the others succeed, and the process stays",
    arguments: [[], ["--no-io-uring"]])
  func noSpace(options: [String]) throws {
    let disk = try DiskProcess([], options) { folder in
      // A file system of 64 blocks, with a sparse file of 256, in a mount namespace of its own.
      let mount = "mount -t tmpfs -o size=256k none \(folder) && truncate -s 1M \(folder)/disk && exec \"$@\""
      return ["unshare", "-Urm", "sh", "-c", mount, "sh"]
    }

    let writer = try writeAll(disk, blocks: 256)

    #expect(writer.refused > 0)
    #expect(writer.reported.filter { $0 > 0 }.count <= 64)
    #expect(writer.reported.contains { $0 > 0 })
  }
}
