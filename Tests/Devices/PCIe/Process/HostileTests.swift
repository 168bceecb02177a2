import CSystem
import DeviceBus
import Glibc
import ProcessSupport
import System
import Testing
import VhostUser

@Suite("PCIe process: hostile peers")
struct HostileTests {
  /// Sends bytes, and perhaps an eventfd with them, where a back-end would answer GET_FEATURES.
  private static func answer(_ rig: HostRig, _ bytes: [UInt8], descriptors: Int) throws {
    let ends = try StreamSocket.pair()
    let inside = FileDescriptor(owning: ends.1)
    let socket = StreamSocket(owning: FileDescriptor(owning: ends.0))
    let event = try EventCounter()
    _ = try bytes.span.bytes.withUnsafeBytes {
      try socket.send($0, descriptors: [Int32](repeating: event.descriptor.raw, count: descriptors))
    }
    try rig.send(attach: inside.raw)
    #expect(try rig.functionState()?.condition == .fault)
  }

  @Test(
    "bytes that are no answer end the conversation, not the process",
    arguments: [
      ([UInt8](repeating: 0xff, count: 12), 0), ([1, 0, 0, 0, 5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], 0),
      ([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], 0), ([1, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3], 0),
      ([1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0),
      ([1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], 3),
      ([15, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], 0),
    ] as [([UInt8], Int)])
  func garbage(bytes: [UInt8], descriptors: Int) throws {
    let rig = try HostRig()
    try rig.start()
    try Self.answer(rig, bytes, descriptors: descriptors)
    #expect(rig.config(0, 0, 4) == 0x7a00_0014)
    #expect(rig.config(1, 0, 4) == 0xffff_ffff)
    _ = try rig.connect()
  }

  @Test("a back-end that calls rings broken all the time is heard once")
  func errorFlood() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    rig.drive()
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    let error = try #require(backEnd.event("error 0"))
    for _ in 0..<50 {
      error.counter.signal()
      _ = rig.bar(1, 0x14, 1)
    }
    #expect(until { rig.bar(1, 0x14, 1) == 15 | 64 })
    let generation = rig.bar(1, 0x15, 1)
    error.counter.signal()
    rig.setBAR(1, 0x16, 2, 0)
    #expect(rig.bar(1, 0x15, 1) == generation)
    // Nor does the old signal break the next driver's device.
    rig.drive()
    #expect(until { backEnd.seen.log.filter { $0 == "SET_VRING_ENABLE 1" }.count == 2 })
    #expect(rig.bar(1, 0x14, 1) == 15)
  }

  @Test("a message of the supervisor that is not for a PCIe host ends it with a reason")
  func foreignMessage() throws {
    let rig = try HostRig()
    try rig.start()
    try rig.channel?.send(ConnectFrontEnd(function: 1, incarnation: 1), descriptors: [rig.memory.raw])
    #expect(rig.child?.wait() == .status(66))
  }

  @Test("in-flight memory that can shrink ends it with a reason, before anything is mapped")
  func unsealed() throws {
    let rig = try HostRig()
    try rig.start()
    let ends = try StreamSocket.pair()
    let near = FileDescriptor(owning: ends.0)
    let far = FileDescriptor(owning: ends.1)
    let soft = FileDescriptor(owning: "soft".withUTF8Z { atoll_memfd($0, UInt(BusLimits.inflightBytes), 0) })
    try rig.send(attach: far.raw, inflight: soft.raw)
    #expect(rig.child?.wait() == .status(65))
    _ = consume near
  }

  @Test("a state page that another hand wrote ends it with a reason")
  func statePage() throws {
    let rig = try HostRig()
    try rig.start()
    _ = try rig.connect()
    rig.kill()
    let page = try Mapping.shared(rig.page, size: StatePage.size(vcpus: 1, stateSize: BusLimits.hostStateSize))
    // Both slots: something where nothing belongs.
    for slot in 0..<2 { page.base.storeBytes(of: 1, toByteOffset: 64 + slot * (131072 + 128) + 9000, as: UInt8.self) }
    #expect(throws: SystemError.self) { try rig.start() }
    #expect(rig.child?.wait() == .status(69))
  }

  @Test("without the VMM there is no machine: it ends with status 0")
  func vmmGone() throws {
    let rig = try HostRig()
    try rig.start(withVMM: false)
    _ = try rig.connect()
    // The store waits for a process that is gone by then.
    nonisolated(unsafe) let shared = rig
    let driver = try Worker { shared.drive() }
    #expect(rig.child?.wait() == .status(0))
    rig.stop()
    #expect(driver.wait())
  }
}
