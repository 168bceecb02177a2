import DeviceBus
import ProcessSupport
import System
import Testing
import VhostUser

@Suite("PCIe process: deaths")
struct RestartTests {
  @Test("kill -9 of a running host: its successor binds everything, starts the rings anew, signals each once")
  func hostDies() throws {
    let rig = try HostRig()
    try rig.start()
    let first = try rig.connect()
    rig.drive()
    #expect(first.saw("SET_VRING_ENABLE 1"))
    let memory = try Mapping.shared(rig.memory, size: HostRig.memorySize)
    memory.base.storeBytes(of: 42, toByteOffset: 0x2002, as: UInt16.self)
    let log = try Mapping.shared(rig.inflight, size: BusLimits.inflightBytes)
    log.base.storeBytes(of: 0xbeef, as: UInt64.self)
    rig.kill()
    try rig.start()
    #expect(rig.bar(1, 0x14, 1) == 15, "the guest sees nothing of it")
    let second = try rig.attach()
    #expect(try rig.functionState()?.condition == .connected)
    #expect(second.saw("SET_VRING_ENABLE 1"))
    #expect(second.seen.bases == [0: 42, 1: 0], "a split ring goes on where it was used up to")
    #expect(second.seen.inflightWord == 0xbeef, "what is in flight is for the back-end to see")
    #expect(rig.vmm?.bindings.doorbells.mapValues { $0.address } == [0: 0x4001_4000, 1: 0x4001_4004])
    #expect(rig.vmm?.bindings.messages.mapValues { $0.vector } == [0: 64, 1: 65, 2: 66])
    for queue in 0..<2 {
      let kick = try #require(second.event("kick \(queue)"))
      #expect(until { kick.counter.drain() > 0 })
      #expect(rig.vmm?.interrupted(UInt32(queue) + 1) == true)
    }
  }

  @Test("a vector that was masked when the host died is pending afterwards")
  func maskedWhileDead() throws {
    let rig = try HostRig()
    try rig.start()
    let first = try rig.connect()
    rig.drive()
    #expect(first.saw("SET_VRING_ENABLE 1"))
    rig.setBAR(1, 0x801c, 4, 1)
    rig.kill()
    try rig.start()
    _ = try rig.connect()
    #expect(until { rig.bar(1, 0xc000, 8) & 2 != 0 })
    rig.setBAR(1, 0x801c, 4, 0)
    #expect(rig.vmm?.interrupted(1) == true)
  }

  @Test("kill -9 in the middle of a reset: the successor finishes it with the next back-end's session")
  func hostDiesInReset() throws {
    let rig = try HostRig()
    try rig.start()
    var nature = FakeBackEnd.Nature()
    nature.silentAt = .getVringBase
    let first = try rig.connect(nature)
    rig.drive()
    #expect(first.saw("SET_VRING_ENABLE 1"))
    rig.setBAR(1, 0x14, 1, 0)
    #expect(first.saw("GET_VRING_BASE 0"))
    #expect(rig.bar(1, 0x14, 1) != 0)
    rig.kill()
    try rig.start()
    #expect(rig.bar(1, 0x14, 1) != 0)
    _ = try rig.connect()
    #expect(until { rig.bar(1, 0x14, 1) == 0 })
  }

  @Test("kill -9 at any moment of a driver's start: no store is lost or repeated", arguments: 0..<12)
  func hostDiesAnywhere(moment: Int) throws {
    let rig = try HostRig()
    try rig.start()
    _ = try rig.connect()
    let pid = try #require(rig.child)
    let driven = Box(false)
    nonisolated(unsafe) let shared = rig
    let driver = try Worker {
      shared.drive()
      driven.value = true
    }
    _ = driver.ends(within: Int64(moment) * 400)
    pid.kill(9)
    _ = pid.wait()
    try rig.start()
    let second = try rig.connect()
    #expect(driver.wait(seconds: 20))
    #expect(driven.value)
    #expect(second.saw("SET_VRING_ENABLE 1"))
    #expect(rig.bar(1, 0x14, 1) == 15)
    #expect(rig.bar(1, 0x1c, 2) == 1)
    #expect(rig.vmm?.bindings.messages.mapValues { $0.vector } == [0: 64, 1: 65, 2: 66])
  }

  @Test("a back-end dies and returns: registers stay, the rings start again, each is signalled once")
  func backEndReturns() throws {
    let rig = try HostRig()
    try rig.start()
    let first = try rig.connect()
    rig.drive()
    #expect(first.saw("SET_VRING_ENABLE 1"))
    first.hangUp()
    #expect(try rig.functionState()?.condition == .fault)
    #expect(rig.bar(1, 0x14, 1) == 15)
    #expect(rig.bar(1, 0x2000, 1) == 7)
    let second = try rig.attach()
    #expect(try rig.functionState() == FunctionState(slot: 1, incarnation: 2, condition: .connected))
    #expect(second.saw("SET_VRING_ENABLE 1"))
    #expect(rig.vmm?.interrupted(2) == true)
    // The doorbells' eventfds have not changed: bindings of the VMM reach the new back-end.
    let kick = try #require(second.event("kick 0"))
    _ = until { kick.counter.drain() > 0 }
    rig.vmm?.bindings.doorbells[0]?.event.counter.signal()
    #expect(kick.counter.drain() == 1)
  }

  @Test("a back-end that returns as another device, or with less, is refused with a reason")
  func otherDevice() throws {
    let rig = try HostRig()
    try rig.start()
    _ = try rig.connect()
    _ = try rig.attach(deviceID: 4)
    let state = try #require(try rig.functionState())
    #expect(state.condition == .fault)
    #expect(state.text == "the back-end is for another type of device than before")
  }

  @Test("an abandoned function: DEVICE_NEEDS_RESET, configuration readable, reset completes, no driver is accepted")
  func abandoned() throws {
    let rig = try HostRig()
    try rig.start()
    let backEnd = try rig.connect()
    rig.drive()
    #expect(backEnd.saw("SET_VRING_ENABLE 1"))
    backEnd.hangUp()
    _ = try rig.functionState()
    try rig.channel?.send(AbandonFunction(slot: 1))
    #expect(until { rig.bar(1, 0x14, 1) == 15 | 64 })
    #expect(rig.vmm?.interrupted(0) == true)
    #expect(rig.bar(1, 0x2000, 1) == 7)
    rig.drive()
    #expect(rig.bar(1, 0x14, 1) & 12 == 0)
  }

  @Test(
    "a back-end that answers with rubbish or a refusal is at fault, the host serves on",
    arguments: [FrontEndRequest.getFeatures, .getQueueCount, .getConfig, .setMemoryTable])
  func rubbish(request: FrontEndRequest) throws {
    let rig = try HostRig()
    try rig.start()
    var nature = FakeBackEnd.Nature()
    if request == .setMemoryTable { nature.refuses = request } else { nature.rubbishAt = request }
    _ = try rig.attach(nature)
    let state = try #require(try rig.functionState())
    #expect(state.condition == .fault)
    #expect(!state.text.isEmpty)
    #expect(rig.config(1, 0, 4) == 0xffff_ffff)
    _ = try rig.attach()
    #expect(try rig.functionState()?.condition == .connected)
  }

  @Test(
    "a back-end that never answers is at fault when its time is over; meanwhile the guest is served",
    arguments: [FrontEndRequest.getFeatures, .getConfig, .setVringKick])
  func silent(request: FrontEndRequest) throws {
    let rig = try HostRig()
    try rig.startHere(patience: 60_000_000)
    var nature = FakeBackEnd.Nature()
    nature.silentAt = request
    let backEnd = try rig.attach(nature)
    if request == .setVringKick {
      #expect(try rig.functionState()?.condition == .connected)
      rig.drive()
      #expect(backEnd.saw("SET_VRING_KICK 0"))
    }
    #expect(rig.config(0, 0, 4) == 0x7a00_0014)
    let state = try rig.functionState()
    #expect(state?.condition == .fault)
    #expect(state?.text == "the back-end did not answer \(request.name) in time")
    #expect(rig.config(0, 0, 4) == 0x7a00_0014)
  }
}
