import Foundation
import Testing
import VhostBenchSupport
import VhostUser

/// Our front-end half against programs that others wrote: handshake, requests, reset, requests again, stop.
@Suite(
  "our front-end with foreign back-ends", .enabled(if: ForeignPrograms.root != nil, ForeignPrograms.comment),
  .serialized)
struct ForeignBackEndTests {
  private func frontEnd(_ backEnd: BackEndProcess, device: UInt32, queues: Int = 0) throws -> FrontEnd {
    var options = FrontEndOptions()
    (options.deviceID, options.queues) = (device, queues)
    let frontEnd = try FrontEnd(try backEnd.connect(), options)
    try frontEnd.connect()
    return frontEnd
  }

  /// Starts the rings twice, with a reset between, does `work` each time, and stops them.
  private func live(_ frontEnd: FrontEnd, queues: Int, features: UInt64 = 0, _ work: (Exercises) throws -> Void) throws
  {
    for round in 0..<2 {
      if round > 0 { try frontEnd.reset() }
      try frontEnd.start(queues: queues, features: features)
      try work(Exercises(frontEnd))
    }
    try frontEnd.stop()
    let stopped = frontEnd.events.filter { if case .ringStopped = $0 { true } else { false } }
    #expect(stopped.count == 2 * queues)
    #expect(frontEnd.session.refusedRequests == 0)
  }

  private static func storage(_ folder: Folder, _ disk: String) throws -> BackEndProcess {
    try ForeignPrograms.start(
      "usr/bin/qemu-storage-daemon",
      [
        "--blockdev", "driver=file,node-name=disk,filename=\(disk)", "--export",
        "type=vhost-user-blk,id=export,node-name=disk,addr.type=fd,addr.str={fd},writable=on,num-queues=4",
      ], .listening, in: folder)
  }

  @Test("qemu-storage-daemon: what is read is what is there, on four queues, before and after a reset")
  func storageReads() throws {
    let folder = try Folder()
    let backEnd = try ForeignBackEndTests.storage(folder, try folder.image(megabytes: 16))
    let frontEnd = try frontEnd(backEnd, device: 2)
    #expect(frontEnd.session.queueCount == 4)
    try live(frontEnd, queues: 4, features: 1 << 9 | 1 << 12) { _ in
      var load = BlockLoadOptions()
      (load.verifies, load.seconds) = (true, 0.2)
      let result = try BlockLoad(frontEnd, load).run()
      #expect(result.requests > 0)
    }
  }

  @Test("qemu-storage-daemon: what one front-end has written the next one reads")
  func storageWrites() throws {
    let folder = try Folder()
    let disk = "\(folder.path)/empty"
    try Data(count: 4 << 20).write(to: URL(fileURLWithPath: disk))
    let backEnd = try ForeignBackEndTests.storage(folder, disk)
    for writes in [true, false] {
      let frontEnd = try frontEnd(backEnd, device: 2)
      try frontEnd.start(queues: 1, features: 1 << 9)
      var load = BlockLoadOptions()
      // In order, and for longer than once round the disk takes.
      (load.writes, load.verifies, load.sequential, load.size) = (writes, true, true, 65536)
      load.seconds = 0.5
      let result = try BlockLoad(frontEnd, load).run()
      #expect(result.requests > 64)
      try frontEnd.stop()
    }
  }

  @Test("virtiofsd: FUSE_INIT and the tag; it ends with its front-end")
  func fileSystem() throws {
    let folder = try Folder()
    let backEnd = try ForeignPrograms.start(
      "usr/libexec/virtiofsd",
      ["--fd={fd}", "--shared-dir", folder.path, "--sandbox=none", "--tag=host", "--log-level=error"], .listening,
      in: folder)
    do {
      let frontEnd = try frontEnd(backEnd, device: 26)
      try live(frontEnd, queues: 2) { exercises in
        let answer = try exercises.fileSystem()
        #expect(answer.hasSuffix("tag “host”"))
      }
    }
    #expect(backEnd.wait() == 0)
  }

  @Test("passt: an address by DHCP; it ends with its front-end")
  func network() throws {
    let folder = try Folder()
    let backEnd = try ForeignPrograms.start(
      "usr/bin/passt", ["--foreground", "--quiet", "--vhost-user", "--fd", "{fd}"], .connected, in: folder)
    do {
      let frontEnd = try frontEnd(backEnd, device: 1, queues: 2)
      try live(frontEnd, queues: 2) { exercises in
        let answer = try exercises.network()
        #expect(answer.hasPrefix("DHCP offers "))
      }
    }
    #expect(backEnd.wait() == 0)
  }

  @Test("vhost-device-vsock: bytes both ways")
  func socket() throws {
    let folder = try Folder()
    let backEnd = try ForeignPrograms.start(
      "usr/bin/vhost-device-vsock", ["--guest-cid", "3", "--socket", "{path}", "--uds-path", "\(folder.path)/guest"],
      .path,
      in: folder)
    let frontEnd = try frontEnd(backEnd, device: 19)
    try live(frontEnd, queues: 3) { exercises in
      let answer = try exercises.socket("\(folder.path)/guest")
      #expect(answer.hasPrefix("CID 3: bytes both ways"))
    }
  }
}
