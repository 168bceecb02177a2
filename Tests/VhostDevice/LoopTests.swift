import Glibc
import System
import Testing
import VhostUser
import VirtqueueDriver

@testable import VhostDevice

@Suite struct LoopTests {
  @Test(arguments: [UInt64(0), Bench.packed])
  func `A driver is asked for kicks before the process sleeps and not while it polls`(_ features: UInt64) throws {
    let (bench, ring) = try Bench.running(features)
    let rings = bench.loop.host.rings
    try ring.request(1)
    #expect(ring.kick.drain() == 0, "the process is awake")
    #expect(!rings.enableKicks(), "there is something in the ring: no sleep")
    bench.settle()
    #expect(rings.enableKicks())
    try ring.request(2)
    #expect(ring.kick.drain() == 1)
    rings.disableKicks()
    try ring.request(3)
    #expect(ring.kick.drain() == 0)
    bench.settle()
    #expect(ring.answers() == [1, 2, 3])
  }

  @Test func `A ring whose buffers the device does not want is left alone until the device has news`() throws {
    let (bench, ring) = try Bench.running()
    bench.notes.refuses = true
    try ring.request(1)
    for _ in 0..<5 { bench.settle() }
    #expect(bench.notes.serves == 1)
    #expect(bench.loop.host.rings.enableKicks(), "buffers that nobody wants keep nobody awake")
    bench.notes.refuses = false
    bench.settle()
    #expect(ring.answers() == [])
    bench.notes.hasPolled = true
    bench.settle()
    #expect(ring.answers() == [1])
  }

  @Test func `A ring that nobody wants is offered again when it is kicked`() throws {
    let (bench, ring) = try Bench.running()
    bench.notes.refuses = true
    try ring.request(1)
    bench.settle()
    bench.notes.refuses = false
    ring.kick.signal()
    bench.settle()
    #expect(ring.answers() == [1])
  }

  @Test func `A call descriptor that comes late is signalled for what was used before`() throws {
    let (bench, ring) = try Bench.running()
    try bench.send(SetVringCall(index: 0, hasDescriptor: false))
    try ring.request(1)
    bench.settle()
    #expect(ring.answers() == [1] && ring.call.drain() == 0)
    try bench.send(SetVringCall(index: 0, hasDescriptor: true), [ring.call.descriptor.raw])
    #expect(ring.call.drain() == 1)
  }

  @Test func `A full and blocking call eventfd does not hold the process up`() throws {
    let (bench, ring) = try Bench.running()
    var most = UInt64.max - 1
    _ = fcntl(ring.call.descriptor.raw, F_SETFL, 0)
    _ = withUnsafeBytes(of: &most) { try? ring.call.descriptor.write($0) }
    try bench.send(SetVringCall(index: 0, hasDescriptor: true), [ring.call.descriptor.raw])
    try ring.request(1)
    bench.settle()
    #expect(ring.answers() == [1])
  }

  @Test func `Counters say what was done`() throws {
    let (bench, ring) = try Bench.running()
    for mark: UInt8 in 1...3 { try ring.request(mark) }
    bench.settle()
    let counters = bench.loop.host.rings.counters
    #expect(counters.requests == 3 && counters.completions == 3)
    #expect(counters.bytesIn == 48 && counters.bytesOut == 48)
    #expect(counters.signals >= 1 && counters.brokenRings == 0 && counters.refusedSessions == 0)
  }

  @Test func `Lines beyond the limit are counted`() {
    var limit = LogLimit(burst: 0)
    for second in 0..<5 { limit.line("", now: Int64(second) * 1_000_000_000) }
    #expect(limit.dropped == 5)
  }
}

@Suite struct OptionTests {
  @Test func `Options are taken by name, with their value behind = or as the next argument`() throws {
    var options = Options(["--a=1", "--b", "2", "--c", "--d=", "--a=3", "--fds=4,5,6"])
    #expect(try options.number("--b", in: 0...9) == 2)
    #expect(try options.values("--a") == ["1", "3"])
    #expect(options.flag("--c") && !options.flag("--c"))
    #expect(try options.value("--d") == "")
    #expect(try options.descriptors("--fds", count: 3...3) == [4, 5, 6])
    #expect(try options.value("--e") == nil)
    try options.requireEmpty()
  }

  @Test(arguments: [
    (["--n=x"], "--n=x is not a number from 1 to 5"), (["--n=6"], "--n=6 is not a number from 1 to 5"),
    (["--n="], "--n= is not a number from 1 to 5"), (["--n=-1"], "--n=-1 is not a number from 1 to 5"),
    (["--n=99999999999999999999"], "--n=99999999999999999999 is not a number from 1 to 5"),
    (["--n"], "--n needs a value"), (["--nn=1"], "“--nn=1” is not an option of this program"),
    (["--f=1,x"], "--f=1,x is not a list of descriptors"), (["--f=1,,2"], "--f=1,,2 is not a list of descriptors"),
    (["--f=1,2,3"], "--f=1,2,3 has 3 descriptors, which is not what it takes"),
  ])
  func `A wrong option is refused with a sentence`(_ c: ([String], String)) {
    var options = Options(c.0)
    var sentence = ""
    do throws(UsageError) {
      _ = try options.number("--n", in: 1...5)
      _ = try options.descriptors("--f", count: 1...2)
      try options.requireEmpty()
    } catch { sentence = error.sentence }
    #expect(sentence == c.1)
  }
}
