import CSystem
import ConsoleModel
import Glibc
import System
import Testing
import VirtqueueDriver

@testable import VhostDevice
@testable import atoll_console

@Suite("Console on descriptors")
struct StreamTests {
  /// A pipe's two ends.
  final class Pipe {
    let read: Int32
    let write: Int32

    init() {
      var ends: [Int32] = [-1, -1]
      _ = atoll_pipe(&ends)
      (read, write) = (ends[0], ends[1])
      _ = atoll_set_nonblocking(read, 1)
    }

    deinit {
      close(read)
      close(write)
    }
  }

  /// What can be read now.
  static func drain(_ descriptor: Int32) -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = atoll_read(descriptor, &buffer, UInt(buffer.count))
      guard count > 0 else { return all }
      all += buffer.prefix(count)
    }
  }

  @Test("bytes go both ways; the end of the input is not the end of the console")
  func bothWays() throws {
    let (typed, shown) = (Pipe(), Pipe())
    let rig = try Rig(packed: false)
    let rings = try rig.rings()
    var device = ConsoleDevice(
      ConsoleConfiguration(), StreamLine(input: typed.read, output: shown.write, isSocket: false))
    rig.offer()
    rig.offer()
    try rig.send(Array("hello".utf8))
    #expect(atoll_write(typed.write, "root\n", 5) == 5)
    device.serveAll(rings)
    rig.collect()
    #expect(rig.received == Array("root\n".utf8))
    #expect(StreamTests.drain(shown.read) == Array("hello".utf8))
    _ = atoll_replace_descriptor(shown.write, typed.write)
    device.ready(StreamLine.inputToken, Ready.input, rings)
    try rig.send(Array(" world".utf8))
    device.serveAll(rings)
    rig.collect()
    #expect(StreamTests.drain(shown.read) == Array(" world".utf8))
    #expect(rings.outstanding(0) == 0)
  }

  @Test("output waits for a reader, and nothing blocks")
  func slowReader() throws {
    let (typed, shown) = (Pipe(), Pipe())
    let rig = try Rig(packed: false)
    let rings = try rig.rings()
    var device = ConsoleDevice(
      ConsoleConfiguration(), StreamLine(input: typed.read, output: shown.write, isSocket: false))
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    try rig.send(bytes)
    device.serve(1, rings)
    #expect(rings.outstanding(1) == 1)
    var all: [UInt8] = []
    for _ in 0..<100 where rig.transmit.outstanding > 0 {
      all += StreamTests.drain(shown.read)
      device.ready(StreamLine.outputToken, Ready.output, rings)
      rig.collect()
    }
    all += StreamTests.drain(shown.read)
    #expect(all == bytes)
  }

  @Test("one client at a time has the socket, and the next one follows; without one bytes go nowhere")
  func socket() throws {
    let folder = try #require(String(validatingCString: mkdtemp(strdup("/tmp/atoll-console-XXXXXX"))))
    let path = folder + "/console"
    defer {
      unlink(path)
      rmdir(folder)
    }
    let rig = try Rig(packed: false)
    let rings = try rig.rings()
    let line = try SocketLine(path: path)
    var device = ConsoleDevice(ConsoleConfiguration(), line)
    rig.offer()
    try rig.send(Array("nobody hears".utf8))
    device.serveAll(rings)
    rig.collect()
    #expect(rig.transmit.outstanding == 0)

    for name in ["first", "second"] {
      let client = path.withUTF8Z { atoll_unix_connect($0) }
      try #require(client >= 0)
      _ = atoll_set_nonblocking(client, 1)
      device.ready(3, Ready.input, rings)
      #expect(atoll_write(client, name, UInt(name.utf8.count)) == name.utf8.count)
      try rig.send(Array("to \(name)".utf8))
      rig.offer()
      device.serveAll(rings)
      rig.collect()
      #expect(StreamTests.drain(client) == Array("to \(name)".utf8))
      close(client)
      device.ready(StreamLine.inputToken, Ready.input | Ready.hangUp, rings)
    }
    #expect(rig.received == Array("firstsecond".utf8))
  }

  @Test("a console with nobody at the other end takes everything and says nothing")
  func nobody() throws {
    let rig = try Rig(packed: true)
    let rings = try rig.rings()
    var device = ConsoleDevice(ConsoleConfiguration(), NullLine())
    rig.offer()
    try rig.send(Array("hello".utf8))
    device.serveAll(rings)
    rig.collect()
    #expect(rig.transmit.outstanding == 0)
    #expect(rig.receive.outstanding == 1)
  }
}
