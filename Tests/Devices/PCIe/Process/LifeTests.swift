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
    [
      "SET_VRING_NUM", "SET_VRING_BASE", "SET_VRING_ADDR", "SET_VRING_CALL", "SET_VRING_ERR", "SET_VRING_KICK",
      "SET_VRING_ENABLE",
    ]
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

  @Test("a function that is no longer bus master stops its rings, and goes on where they stopped")
  func busMaster() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    rig.drive()
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    let memory = try Mapping.shared(rig.memory, size: HostRig.memorySize)
    memory.base.storeBytes(of: 5, toByteOffset: 0x2002, as: UInt16.self)
    rig.setConfig(1, 4, 2, 0x402)
    #expect(backEnd.saw("GET_VRING_BASE 1"))
    #expect(rig.vmm?.bindings.doorbells.isEmpty == true)
    rig.setConfig(1, 4, 2, 0x406)
    #expect(until { backEnd.seen.log.filter { $0 == "SET_VRING_ENABLE 1" }.count == 2 })
    #expect(backEnd.seen.bases[0] == 5)
    #expect(!backEnd.seen.log.contains("RESET_DEVICE"))
  }

  @Test("doorbells follow the BAR")
  func movedBAR() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    rig.drive()
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    rig.setConfig(1, 0x10, 4, 0x5000_0000)
    #expect(rig.vmm?.bindings.doorbells.mapValues { $0.address } == [0: 0x5000_4000, 1: 0x5000_4004])
    rig.setConfig(1, 0x10, 4, 0xffff_ffff)
    #expect(rig.vmm?.bindings.doorbells.isEmpty == true)
  }

  @Test("packed rings are offered if asked for and the back-end keeps an in-flight log", arguments: [true, false])
  func packed(log: Bool) throws {
    let rig = try HostRig()
    try rig.start()
    var nature = FakeBackEnd.Nature()
    nature.features |= RingFeature.packedRing
    if !log { nature.protocolFeatures.remove(.inflightMemory) }
    let backEnd = try rig.connect(nature, packed: true)
    rig.setBAR(1, 0, 4, 1)
    #expect(rig.bar(1, 4, 4) & 4 == (log ? 4 : 0))
    guard log else { return }
    rig.drive(features: 1 << 32 | RingFeature.packedRing)
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    #expect(backEnd.seen.bases == [0: 0x8000, 1: 0x8000])
  }

  @Test("the cache mode that a disk's driver writes reaches the back-end, and its next incarnation")
  func cacheMode() throws {
    let rig = try HostRig()
    try rig.start()
    var nature = FakeBackEnd.Nature()
    nature.features |= 1 << 11
    let first = try rig.connect(nature)
    rig.drive(features: 1 << 32 | 1 << 11)
    #expect(first.saw("SET_VRING_ENABLE 1"))
    rig.setBAR(1, 0x2020, 1, 0)
    #expect(first.saw("SET_CONFIG"))
    #expect(rig.bar(1, 0x2020, 1) == 0)
    first.hangUp()
    #expect(try rig.functionState()?.condition == .fault)
    let second = try rig.connect(nature)
    #expect(second.saw("SET_CONFIG"))
  }

  @Test("two functions do not meet: each its slot, ids, interrupts and reset")
  func twoFunctions() throws {
    let rig = try HostRig()
    try rig.start()
    let disk = try rig.connect()
    let other = try rig.attach(slot: 5, deviceID: 4)
    #expect(try rig.functionState() == FunctionState(slot: 5, incarnation: 2, condition: .connected))
    rig.drive()
    rig.drive(5)
    #expect(disk.saw("SET_VRING_ENABLE 1"))
    #expect(other.saw("SET_VRING_ENABLE 1"))
    #expect(
      rig.vmm?.bindings.doorbells.mapValues { $0.address }
        == [0: 0x4001_4000, 1: 0x4001_4004, 2: 0x4005_4000, 3: 0x4005_4004])
    #expect(rig.vmm?.bindings.messages.keys.sorted() == [0, 1, 2, 3, 4, 5])
    rig.setBAR(1, 0x14, 1, 0)
    #expect(until { rig.bar(1, 0x14, 1) == 0 })
    #expect(rig.bar(5, 0x14, 1) == 15)
    #expect(rig.vmm?.bindings.messages.keys.sorted() == [3, 4, 5])
  }

  @Test("kicks, messages and configuration of a back-end without any protocol feature")
  func plain() throws {
    let rig = try HostRig()
    try rig.start()
    var nature = FakeBackEnd.Nature()
    nature.features = 1 << 32
    let backEnd = try rig.attach(nature, deviceID: 4, queues: 1)
    #expect(try rig.functionState()?.condition == .connected)
    rig.drive(queues: 1)
    #expect(backEnd.saw("SET_VRING_KICK 0"))
    #expect(
      backEnd.seen.log.filter { $0 != "GET_FEATURES" } == [
        "SET_OWNER", "SET_MEM_TABLE", "SET_FEATURES", "SET_VRING_NUM 0", "SET_VRING_BASE 0", "SET_VRING_ADDR 0",
        "SET_VRING_CALL 0", "SET_VRING_ERR 0", "SET_VRING_KICK 0",
      ])
    #expect(rig.bar(1, 0x2000, 4) == 0)
  }
}
