import Foundation
import System
import Testing
import VhostBenchSupport

@Suite("atoll-block under kill -9")
struct KillTests {
  /// A write that is repeated after it was reported would put an older version over a newer one, because each block is
  /// written again and again.
  @Test(
    "every write that was reported is on the disk, each comes back once", arguments: [false, true],
    DiskProcess.settings)
  func underLoad(packed: Bool, options: [String]) throws {
    let disk = try DiskProcess([UInt8](repeating: 0, count: 64 * BlockWriter.blockSize), options)
    var setup = FrontEndOptions()
    setup.packed = packed
    let frontEnd = try FrontEnd(try disk.backEnd.connect(), setup)
    try frontEnd.connect()
    try frontEnd.start(queues: 1, features: 1 << 9)
    let writer = try BlockWriter(frontEnd, blocks: 64, depth: 24)

    for round in 0..<12 {
      let goal = writer.completed + 100 + round * 7
      while writer.completed < goal {
        try writer.fill()
        _ = try frontEnd.waitForSignal(of: 0)
        try writer.collect()
      }
      try writer.fill()
      let socket = try disk.killAndRestart()
      try writer.collect()
      try check(disk, writer)
      try frontEnd.reconnect(socket)
    }
    try writer.drain()

    #expect(writer.completed == writer.offered)
    #expect(writer.refused == 0)
    #expect(writer.open.isEmpty)
    try check(disk, writer)
    try frontEnd.stop()
  }

  private func check(_ disk: DiskProcess, _ writer: BlockWriter) throws {
    let open = writer.open
    for (block, version) in writer.reported.enumerated() where version > 0 && !open.contains(block) {
      let content = try disk.contents(block * BlockWriter.blockSize, BlockWriter.blockSize)
      #expect(content == BlockWriter.content(block, version), "block \(block)")
    }
  }
}
