import CSystem
import DeviceBus
import ProcessSupport
import System
import Testing
import VhostUser

@Suite("PCIe process: a function's life")
struct LifeTests {
  /// The messages that start ring `index`.
  private static func startOfRing(_ index: Int) -> [String] {
    ["SET_VRING_NUM", "SET_VRING_BASE", "SET_VRING_ADDR", "SET_VRING_CALL", "SET_VRING_ERR", "SET_VRING_KICK", "SET_VRING_ENABLE"]
      .map { "\($0) \(index)" }
  }

  @Test("a function is there once its back-end is connected, with its configuration")
  func appears() throws {
    let rig = try HostRig()
    try rig.start()
    #expect(rig.config(0, 0, 4) == 0x7a00_0014)
    #expect(rig.config(1, 0, 4) == 0xffff_ffff)
    let backEnd = try rig.attach()
    #expect(try rig.functionState() == FunctionState(slot: 1, incarnation: 1, condition: .connected))
    #expect(rig.config(1, 0, 4) == 0x1042_1af4)
    #expect(rig.bar(1, 0x12, 2) == 2)
    #expect(rig.bar(1, 0x2000, 4) == 0x0707_0707)
    #expect(
      backEnd.seen.log == [
        "GET_FEATURES", "GET_PROTOCOL_FEATURES", "SET_PROTOCOL_FEATURES", "SET_OWNER", "GET_QUEUE_NUM",
        "SET_BACKEND_REQ_FD", "GET_CONFIG", "SET_MEM_TABLE",
      ])
  }

  @Test("DRIVER_OK: features, in-flight log, rings; doorbells and messages are bound, kicks signalled once")
  func starts() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    let before = backEnd.seen.log.count
    rig.drive()
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    #expect(
      Array(backEnd.seen.log[before...])
        == ["SET_FEATURES", "SET_INFLIGHT_FD"] + Self.startOfRing(0) + Self.startOfRing(1))
    let bindings = try #require(rig.vmm?.bindings)
    #expect(bindings.doorbells.mapValues { $0.address } == [0: 0x4001_4000, 1: 0x4001_4004])
    #expect(bindings.messages.mapValues { $0.vector } == [0: 64, 1: 65, 2: 66])
    for queue in 0..<2 {
      let kick = try #require(backEnd.event("kick \(queue)"))
      #expect(until { kick.counter.drain() == 1 })
    }
    #expect(rig.bar(1, 0x14, 1) == 15)
  }

  @Test("a doorbell goes from VMM to back-end and a used buffer's interrupt back, past this process")
  func dataPath() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    rig.drive()
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    let kick = try #require(backEnd.event("kick 1"))
    _ = until { kick.counter.drain() > 0 }
    rig.vmm?.bindings.doorbells[1]?.event.counter.signal()
    #expect(kick.counter.drain() == 1)
    backEnd.event("call 1")?.counter.signal()
    #expect(rig.vmm?.interrupted(2) == true)
    // And a store that comes through the access ring.
    rig.setBAR(1, 0x4004, 2, 1)
    #expect(kick.counter.drain() == 1)
  }

  @Test("a masked vector is unbound when the store is answered; what fires then is pending and sent on unmask")
  func masking() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    rig.drive()
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    rig.setBAR(1, 0x801c, 4, 1)
    #expect(rig.vmm?.bindings.messages[1] == nil)
    #expect(rig.bar(1, 0xc000, 8) == 0)
    backEnd.event("call 0")?.counter.signal()
    #expect(until { rig.bar(1, 0xc000, 8) == 2 })
    rig.setBAR(1, 0x801c, 4, 0)
    #expect(rig.bar(1, 0xc000, 8) == 0)
    #expect(rig.vmm?.interrupted(1) == true)
  }

  @Test("reset: rings stop, the back-end is reset, the in-flight log is empty, and then status reads 0")
  func reset() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    rig.drive()
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    let log = try Mapping.shared(rig.inflight, size: BusLimits.inflightBytes)
    log.base.storeBytes(of: 0xdead, as: UInt64.self)
    let before = backEnd.seen.log.count
    rig.setBAR(1, 0x14, 1, 0)
    #expect(until { rig.bar(1, 0x14, 1) == 0 })
    #expect(Array(backEnd.seen.log[before...]).prefix(3) == ["GET_VRING_BASE 0", "GET_VRING_BASE 1", "RESET_DEVICE"])
    #expect(log.base.load(as: UInt64.self) == 0)
    #expect(rig.vmm?.bindings.doorbells.isEmpty == true)
    #expect(rig.vmm?.bindings.messages.isEmpty == true)
    rig.drive()
    #expect(until { backEnd.seen.log.filter { $0 == "SET_VRING_ENABLE 1" }.count == 2 })
  }

  @Test("another vector for a running queue: the ring gets another call eventfd")
  func anotherVector() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    rig.drive()
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    rig.setBAR(1, 0x16, 2, 1)
    rig.setBAR(1, 0x1a, 2, 1)
    #expect(until { backEnd.seen.log.last == "SET_VRING_CALL 1" })
    backEnd.event("call 1")?.counter.signal()
    #expect(rig.vmm?.interrupted(1) == true)
  }

  @Test("a change of the back-end's configuration reaches the driver")
  func configChange() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    rig.drive()
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    let generation = rig.bar(1, 0x15, 1)
    try backEnd.change(config: [UInt8](repeating: 9, count: 60))
    #expect(rig.vmm?.interrupted(0) == true)
    #expect(rig.bar(1, 0x2000, 4) == 0x0909_0909)
    #expect(rig.bar(1, 0x15, 1) == generation + 1)
    #expect(rig.bar(1, 0x1000, 1) == 2)
  }

  @Test("a broken ring: DEVICE_NEEDS_RESET and an interrupt, and the rings stop")
  func ringError() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    rig.drive()
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    backEnd.event("error 0")?.counter.signal()
    #expect(rig.vmm?.interrupted(0) == true)
    #expect(rig.bar(1, 0x14, 1) == 15 | 64)
    #expect(backEnd.saw("GET_VRING_BASE 1"))
    rig.drive()
    #expect(until { rig.bar(1, 0x14, 1) == 15 })
  }

  @Test("a ring outside of the function's memory breaks the device and reaches no back-end")
  func ringOutside() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    rig.drive(queues: 0)
    rig.setBAR(1, 0x14, 1, 0)
    #expect(until { rig.bar(1, 0x14, 1) == 0 })
    rig.setBAR(1, 0x14, 1, 3)
    rig.setBAR(1, 8, 4, 1)
    rig.setBAR(1, 0x0c, 4, 1)
    rig.setBAR(1, 0x14, 1, 11)
    rig.setBAR(1, 0x20, 8, HostRig.memoryAddress + UInt64(HostRig.memorySize) - 16)
    rig.setBAR(1, 0x28, 8, HostRig.memoryAddress)
    rig.setBAR(1, 0x30, 8, HostRig.memoryAddress)
    rig.setBAR(1, 0x1c, 2, 1)
    rig.setBAR(1, 0x14, 1, 15)
    #expect(rig.bar(1, 0x14, 1) == 15 | 64)
    #expect(!backEnd.seen.log.contains("SET_VRING_ADDR 0"))
  }

  @Test("a vector that the VMM refuses is asked for once, and again when the guest writes another")
  func refusedVector() throws {
    let rig = try HostRig()
    try rig.start()
    _ = try rig.connect()
    rig.drive()
    rig.setBAR(1, 0x8018, 4, 7)
    for _ in 0..<3 { rig.setBAR(1, 0x0c, 4, 0) }
    #expect(rig.vmm?.bindings.log.filter { $0 == "message 1 is 7" }.count == 1)
    #expect(rig.vmm?.bindings.messages[1] == nil)
    rig.setBAR(1, 0x8018, 4, 99)
    #expect(rig.vmm?.bindings.messages[1]?.vector == 99)
  }
}
