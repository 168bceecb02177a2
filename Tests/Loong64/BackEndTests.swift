import Foundation
import Testing
import VhostBenchSupport

/// Back-ends of virtio devices built for loong64, with a front-end of ours and rings in shared memory.
@Suite(.needsLoong64) struct BackEndTests {
  private func backEnd(_ program: String, _ arguments: [String], in folder: String) throws -> BackEndProcess {
    let command = Loong64Build.command(Loong64Build.programs + "/" + program, arguments)
    return try BackEndProcess([Loong64Build.emulator] + command, .connected, directory: folder)
  }

  @Test(.timeLimit(.minutes(2)), arguments: [false, true]) func entropy_comesThroughTheRing(packed: Bool) throws {
    let process = try backEnd("atoll-rng", ["--fd={fd}"], in: NSTemporaryDirectory())
    var options = FrontEndOptions()
    options.deviceID = 4
    options.packed = packed
    let frontEnd = try FrontEnd(try process.connect(), options)
    try frontEnd.connect()
    try frontEnd.start(queues: 1, features: 0)
    for _ in 0..<20 { _ = try Exercises(frontEnd).entropy() }
    try frontEnd.stop()
  }

  @Test(.timeLimit(.minutes(2)), arguments: [false, true]) func diskReads_giveTheImage(packed: Bool) throws {
    let folder = NSTemporaryDirectory() + "/atoll-loong64-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var image = Data(count: 4 << 20)
    image.withUnsafeMutableBytes { bytes in
      if let base = bytes.baseAddress { BlockLoad.pattern(base, bytes.count, at: 0) }
    }
    try image.write(to: URL(fileURLWithPath: folder + "/disk"))
    let process = try backEnd("atoll-block", ["--fd={fd}", "--blk-file=\(folder)/disk"], in: folder)
    var options = FrontEndOptions()
    options.packed = packed
    let frontEnd = try FrontEnd(try process.connect(), options)
    try frontEnd.connect()
    try frontEnd.start(queues: 1, features: 1 << 9)
    var load = BlockLoadOptions()
    load.verifies = true
    load.sleeps = true
    load.seconds = 0.3
    #expect(try BlockLoad(frontEnd, load).run().requests > 10)
    try frontEnd.stop()
  }
}
