import DeviceBus
import System
import Testing

/// One message of each kind, as its header number and its payload.
private func samples() -> [(request: Request, payload: [UInt8])] {
  func pair<M: Message>(_ message: M) -> (Request, [UInt8]) { (M.request, message.encode()) }
  let entry = BootEntry(pc: 0x9000_0000_0020_0000, a0: 1, a1: 2, a2: 3, parkAddress: 0x1000)
  var report = RegisterReport()
  for i in 0..<32 { report.gpr[i] = UInt64(i) }
  let regions = [
    RegionWindow(guestAddress: 0x1fe0_01e0, size: 8, posted: false),
    RegionWindow(guestAddress: 0x1fe0_02e0, size: 8, posted: true),
  ]
  return [
    pair(Attach(deviceIndex: 1, vcpus: 4, incarnation: 2, resume: true, console: true)),
    pair(HostEventMessage(event: 1)),
    pair(QueryDeviceCounters()), pair(DeviceReady()), pair(MachineEventMessage(event: 1)), pair(DeviceCounters()),
    pair(DeviceFailed(code: 65, text: "no memory")),
    pair(MachineSetup(vcpus: 1, ramBytes: 1 << 30, hypervisor: .kvmRequired)),
    pair(AttachDevice(deviceIndex: 0, incarnation: 1, pin: 2, regions: regions)), pair(DetachDevice(deviceIndex: 3)),
    pair(Boot(entry: entry)), pair(Run()), pair(Pause()), pair(Stop()), pair(QueryMachineCounters()),
    pair(AbandonDevice(deviceIndex: 3)), pair(MachineReady(.soft, reason: "there is no /dev/kvm")),
    pair(MachineFailed(text: "no KVM")), pair(DeviceFault(deviceIndex: 1, code: 2)),
    pair(VCPUFailed(report: report)), pair(MachineCounters()), pair(Paused(report: report)),
    pair(Load(ramBytes: 1 << 30, vcpus: 1, tables: .acpi, hasInitrd: true, commandLine: Array("quiet".utf8))),
    pair(Loaded(entry: entry)), pair(LoadFailed(text: "not a kernel")), pair(AttachConsole()), pair(Finish()),
    pair(TerminalReady()), pair(Quit()), pair(InputClosed()), pair(ConsoleFault()),
    pair(LoadFirmware(ramBytes: 1 << 30, vcpus: 2)), pair(ConnectFrontEnd(function: 1, incarnation: 2)),
    pair(function()), pair(AbandonFunction(slot: 3)),
    pair(FunctionState(slot: 1, incarnation: 2, condition: .fault, text: "it sent nonsense")),
    pair(BindDoorbell(id: 7, address: 0x4000_4000, length: 2)), pair(UnbindDoorbell(id: 7)),
    pair(BindMSI(id: 3, vector: 80)), pair(UnbindMSI(id: 3)),
    pair(Bound(to: .bindMSI, id: 3, fault: .foreignVector)),
  ]
}

private func function(
  slot: UInt32 = 1, deviceID: UInt32 = 2, incarnation: UInt32 = 1, queues: UInt32 = 4, config: Int = 60,
  regions: [MemoryRegion] = [
    MemoryRegion(guestAddress: 0, size: 0x1000_0000, fileOffset: 0),
    MemoryRegion(guestAddress: 0x9000_0000, size: 0x1000_0000, fileOffset: 0x1000_0000),
  ]
) -> AttachFunction {
  AttachFunction(
    slot: slot, deviceID: deviceID, incarnation: incarnation, queues: queues, packed: true,
    config: [UInt8](repeating: 7, count: config), regions: regions)
}

/// Decodes a payload as the message that `request` names and encodes it again.
private func recode(_ request: Request, _ payload: [UInt8]) throws(MessageError) -> [UInt8] {
  func again<M: Message>(_ type: M.Type) throws(MessageError) -> [UInt8] { try M(decoding: payload).encode() }
  switch request {
  case .attach: return try again(Attach.self)
  case .hostEvent: return try again(HostEventMessage.self)
  case .queryDeviceCounters: return try again(QueryDeviceCounters.self)
  case .deviceReady: return try again(DeviceReady.self)
  case .machineEvent: return try again(MachineEventMessage.self)
  case .deviceCounters: return try again(DeviceCounters.self)
  case .deviceFailed: return try again(DeviceFailed.self)
  case .machine: return try again(MachineSetup.self)
  case .attachDevice: return try again(AttachDevice.self)
  case .detachDevice: return try again(DetachDevice.self)
  case .boot: return try again(Boot.self)
  case .run: return try again(Run.self)
  case .pause: return try again(Pause.self)
  case .stop: return try again(Stop.self)
  case .queryMachineCounters: return try again(QueryMachineCounters.self)
  case .abandonDevice: return try again(AbandonDevice.self)
  case .machineReady: return try again(MachineReady.self)
  case .machineFailed: return try again(MachineFailed.self)
  case .deviceFault: return try again(DeviceFault.self)
  case .vcpuFailed: return try again(VCPUFailed.self)
  case .machineCounters: return try again(MachineCounters.self)
  case .paused: return try again(Paused.self)
  case .load: return try again(Load.self)
  case .loadFirmware: return try again(LoadFirmware.self)
  case .loaded: return try again(Loaded.self)
  case .loadFailed: return try again(LoadFailed.self)
  case .attachConsole: return try again(AttachConsole.self)
  case .finish: return try again(Finish.self)
  case .terminalReady: return try again(TerminalReady.self)
  case .quit: return try again(Quit.self)
  case .inputClosed: return try again(InputClosed.self)
  case .consoleFault: return try again(ConsoleFault.self)
  case .connectFrontEnd: return try again(ConnectFrontEnd.self)
  case .attachFunction: return try again(AttachFunction.self)
  case .abandonFunction: return try again(AbandonFunction.self)
  case .functionState: return try again(FunctionState.self)
  case .bindDoorbell: return try again(BindDoorbell.self)
  case .unbindDoorbell: return try again(UnbindDoorbell.self)
  case .bindMSI: return try again(BindMSI.self)
  case .unbindMSI: return try again(UnbindMSI.self)
  case .bound: return try again(Bound.self)
  }
}

@Test func everyRequestHasASample() { #expect(Set(samples().map(\.request)) == Set(Request.allCases)) }

@Test(arguments: samples().map(\.request)) func payloadDecodesToWhatWasEncoded(request: Request) throws {
  let payload = try #require(samples().first { $0.request == request }).payload
  #expect(try recode(request, payload) == payload)
}

@Test(arguments: samples().map(\.request)) func everyShorterAndALongerPayloadIsRefused(request: Request) throws {
  let payload = try #require(samples().first { $0.request == request }).payload
  for count in 0..<payload.count {
    #expect(throws: MessageError.self) { try recode(request, Array(payload[..<count])) }
  }
  #expect(throws: MessageError.oversized) { try recode(request, payload + [0]) }
}

@Test func randomPayloadsAreDecodedOrRefusedAndNeverTrap() {
  var random = SystemRandomNumberGenerator()
  for _ in 0..<3000 {
    for (request, sample) in samples() {
      var bytes = sample
      for _ in 0..<3 where !bytes.isEmpty { bytes[Int.random(in: 0..<bytes.count, using: &random)] = random.next() }
      _ = try? recode(request, bytes)
    }
  }
}

@Test func fieldsOutOfRangeAreRefused() {
  func bad<M: Message>(_ message: M) { #expect(throws: MessageError.self) { try M(decoding: message.encode()) } }
  bad(Attach(deviceIndex: 16, vcpus: 1, incarnation: 1, resume: false))
  bad(Attach(deviceIndex: 0, vcpus: 0, incarnation: 1, resume: false))
  bad(Attach(deviceIndex: 0, vcpus: 257, incarnation: 1, resume: false))
  bad(Attach(deviceIndex: 0, vcpus: 1, incarnation: 0, resume: false))
  bad(MachineEventMessage(event: 0))
  bad(MachineEventMessage(event: 4))
  bad(MachineSetup(vcpus: 1, ramBytes: 0))
  bad(MachineSetup(vcpus: 1, ramBytes: 16385))
  bad(MachineSetup(vcpus: 1, ramBytes: 16384, romBytes: 1))
  bad(MachineSetup(vcpus: 1, ramBytes: 16384, romBytes: 32 << 20))
  bad(LoadFirmware(ramBytes: 0, vcpus: 1))
  bad(LoadFirmware(ramBytes: 1 << 30, vcpus: 0))
  bad(AttachDevice(deviceIndex: 0, incarnation: 1, pin: 65, regions: [.init(guestAddress: 0, size: 8, posted: false)]))
  bad(AttachDevice(deviceIndex: 0, incarnation: 1, pin: 0, regions: []))
  bad(
    AttachDevice(deviceIndex: 0, incarnation: 1, pin: 0, regions: [.init(guestAddress: .max, size: 8, posted: false)]))
  bad(AttachDevice(deviceIndex: 0, incarnation: 1, pin: 0, regions: [.init(guestAddress: 0, size: 0, posted: false)]))
  bad(Load(ramBytes: 1, vcpus: 1, tables: .acpi, hasInitrd: false, commandLine: Array(repeating: 65, count: 4097)))
  bad(Load(ramBytes: 1, vcpus: 1, tables: .acpi, hasInitrd: false, commandLine: [65, 0, 65]))
}

@Test func machineCarriesKVMBehindItsMemoryUnlessTheSoftwareRunsIt() throws {
  for (rom, demand, count) in [
    (0, .soft, 1), (16384, .soft, 2), (0, .kvmPreferred, 2), (16384, .kvmPreferred, 3), (16384, .kvmRequired, 3),
  ] as [(UInt64, HypervisorDemand, Int)] {
    let setup = MachineSetup(vcpus: 1, ramBytes: 16384, romBytes: rom, hypervisor: demand)
    #expect(setup.descriptorCount == count)
    #expect(try MachineSetup(decoding: setup.encode()) == setup)
  }
}

@Test(arguments: [3, 4, 256, UInt32.max]) func hypervisorThatIsNoneIsRefused(_ number: UInt32) {
  func with(_ payload: [UInt8], at offset: Int) -> [UInt8] {
    var changed = payload
    for i in 0..<4 { changed[offset + i] = UInt8(truncatingIfNeeded: number >> (8 * i)) }
    return changed
  }
  let setup = MachineSetup(vcpus: 1, ramBytes: 16384).encode()
  #expect(throws: MessageError.self) { try MachineSetup(decoding: with(setup, at: setup.count - 4)) }
  #expect(throws: MessageError.self) { try MachineReady(decoding: with(MachineReady(.kvm).encode(), at: 0)) }
}

@Test func reasonsAreCutAndMadePrintable() throws {
  let long = String(repeating: "\u{1b}", count: 500)
  #expect(
    try MachineReady(decoding: MachineReady(.soft, reason: long).encode()).reason == String(repeating: "?", count: 200))
  #expect(try MachineFailed(decoding: MachineFailed(text: long).encode()).text.utf8.count == 200)
}

@Test func vectorsOfADeviceAreThoseOfTheMADTAndNeedABackChannel() throws {
  let regions = [RegionWindow(guestAddress: 0x4000_0000, size: 0x4000_0000, posted: false)]
  func attach(_ first: UInt32, _ count: UInt32, backChannel: Bool = true, pin: UInt32 = 0) -> AttachDevice {
    var message = AttachDevice(deviceIndex: 3, incarnation: 1, pin: pin, regions: regions)
    (message.firstVector, message.vectorCount, message.backChannel) = (first, count, backChannel)
    return message
  }
  for good in [attach(64, 192), attach(255, 1), attach(0, 0), attach(0, 0, backChannel: false, pin: 3)] {
    #expect(try AttachDevice(decoding: good.encode()) == good)
  }
  #expect(attach(64, 192) == AttachDevice(deviceIndex: 3, incarnation: 1, regions: regions, vectors: 64..<256))
  let bad = [
    attach(63, 1), attach(64, 193), attach(256, 1), attach(64, .max), attach(64, 0), attach(.max, 2),
    attach(64, 1, backChannel: false), attach(64, 1, pin: 1),
  ]
  for message in bad { #expect(throws: MessageError.self) { try AttachDevice(decoding: message.encode()) } }
}

@Test func functionsOutOfRangeAreRefused() {
  func bad<M: Message>(_ message: M) { #expect(throws: MessageError.self) { try M(decoding: message.encode()) } }
  func region(_ address: UInt64, _ size: UInt64, at offset: UInt64 = 0) -> MemoryRegion {
    MemoryRegion(guestAddress: address, size: size, fileOffset: offset)
  }
  bad(ConnectFrontEnd(function: 0, incarnation: 1))
  bad(ConnectFrontEnd(function: 32, incarnation: 1))
  bad(ConnectFrontEnd(function: 1, incarnation: 0))
  for message in [
    function(slot: 0), function(slot: 32), function(deviceID: 0), function(deviceID: 64), function(incarnation: 0),
    function(queues: 33), function(config: 257), function(regions: []),
    function(regions: (0..<9).map { region($0 * 4096, 4096) }),
    function(regions: [region(0, 0)]), function(regions: [region(1, 4096)]), function(regions: [region(0, 4095)]),
    function(regions: [region(0, 4096, at: 8)]), function(regions: [region(0 &- 4096, 8192)]),
    function(regions: [region(0, 1 << 63)]), function(regions: [region(0, 4096, at: 1 << 63)]),
    function(regions: [region(0, 8192), region(4096, 4096)]),
  ] { bad(message) }
  bad(AbandonFunction(slot: 0))
  bad(AbandonFunction(slot: 32))
  bad(FunctionState(slot: 32, incarnation: 1, condition: .connected))
  bad(FunctionState(slot: 1, incarnation: 0, condition: .connected))
}

@Test func bindingsOutOfRangeAreRefused() {
  func bad<M: Message>(_ message: M) { #expect(throws: MessageError.self) { try M(decoding: message.encode()) } }
  bad(BindDoorbell(id: 160, address: 0, length: 2))
  bad(BindDoorbell(id: 0, address: 0, length: 3))
  bad(BindDoorbell(id: 0, address: 0, length: .max))
  bad(BindMSI(id: 160, vector: 64))
  bad(UnbindDoorbell(id: 160))
  bad(UnbindMSI(id: .max))
  bad(Bound(to: .attach, id: 0))
  bad(Bound(to: .bindMSI, id: 160))
}

@Test func messageOfAFunctionCarriesAsManyDescriptorsAsItHasRegionsAndTwoMore() {
  #expect(function().descriptorCount == 4)
  #expect(BindDoorbell(id: 0, address: 0, length: 2).descriptorCount == 1)
  #expect(UnbindMSI(id: 0).descriptorCount == 0)
}

@Test func failureTextIsCutToItsLimitAndControlCharactersDoNotReachTheLog() throws {
  let long = DeviceFailed(code: 1, text: String(repeating: "x", count: 300))
  #expect(try DeviceFailed(decoding: long.encode()).text.utf8.count == 200)
  let rude = LoadFailed(text: "a\u{1b}[2Jb\n\u{e9}")
  #expect(try LoadFailed(decoding: rude.encode()).text == "a?[2Jb???")
}
