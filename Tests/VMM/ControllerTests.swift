import DeviceBus
import Hypervisor
import SoftHypervisor
import System
import Testing

@testable import VMMCore

/// A core with one vCPU that never runs, its control thread, and the supervisor's end of its socket.
private final class Core: Sendable {
  let supervisor: Channel
  let shared: Shared

  final class Shared: @unchecked Sendable {
    var machine: VirtualMachine<SoftHypervisor>?
    let ended: EventCounter
    init() throws { ended = try EventCounter() }
  }

  init() throws {
    shared = try Shared()
    let pair = try MessageSocket.pair()
    supervisor = Channel(owning: FileDescriptor(owning: pair.0))
    let ram = try MemoryFile.create("ram", size: 1 << 20)
    let arrival = try EventCounter()
    let machine = try VirtualMachine(
      try SoftHypervisor(vcpus: 1), setup: MachineSetup(vcpus: 1, ramBytes: 1 << 20), ram: ram,
      arrival: EventCounter(owning: try arrival.descriptor.duplicate()))
    shared.machine = machine
    let controller = Controller(
      Channel(owning: FileDescriptor(owning: pair.1)), machine, faults: try EventCounter(), arrival: arrival)
    let box = Box(controller)
    try Thread.start { [shared] in
      try? box.controller.serve()
      shared.ended.signal()
    }
    _ = try next(MachineReady.self)
  }

  private final class Box: @unchecked Sendable {
    let controller: Controller<SoftHypervisor>
    init(_ controller: Controller<SoftHypervisor>) { self.controller = controller }
  }

  func next<M: Message>(_ type: M.Type) throws -> M {
    guard let message = try supervisor.receive() else { throw MessageError.truncated }
    return try message.decode(type)
  }

  func counters() throws -> MachineCounters {
    try supervisor.send(QueryMachineCounters())
    return try next(MachineCounters.self)
  }

  /// Attaches a device with a back-channel; its end.
  func attach(index: UInt32, incarnation: UInt32, at address: UInt64) throws -> FileDescriptor {
    let pair = try MessageSocket.pair()
    let near = FileDescriptor(owning: pair.0)
    let far = FileDescriptor(owning: pair.1)
    let rings = try MemoryFile.create("rings", size: AccessRing.segmentSize(vcpus: 1))
    let wake = try EventCounter()
    let message = AttachDevice(
      deviceIndex: index, incarnation: incarnation,
      regions: [RegionWindow(guestAddress: address, size: 0x1000_0000, posted: false)], vectors: 64..<256)
    try supervisor.send(message, descriptors: [rings.raw, wake.descriptor.raw, far.raw])
    return near
  }

  /// Ends the control thread and waits for it.
  func stop() throws {
    try supervisor.send(Stop())
    _ = try Poll.wait([(shared.ended.descriptor.raw, Poll.input)], nanoseconds: 10_000_000_000)
  }
}

private func receive(_ channel: borrowing Channel) throws -> Bound {
  guard let message = try channel.receive() else { throw MessageError.truncated }
  return try message.decode()
}

@Suite struct ControllerTests {
  @Test func requestOnTheBackChannel_isAnsweredAndCountsAsABinding() throws {
    let core = try Core()
    let device = Channel(owning: try core.attach(index: 3, incarnation: 1, at: 0x4000_0000))
    let event = try EventCounter()
    try device.send(BindDoorbell(id: 0, address: 0x4000_4000, length: 2), descriptors: [event.descriptor.raw])
    try device.send(BindMSI(id: 0, vector: 64), descriptors: [event.descriptor.raw])
    #expect(try receive(device) == Bound(to: .bindDoorbell, id: 0))
    #expect(try receive(device) == Bound(to: .bindMSI, id: 0))
    let counters = try core.counters()
    #expect(counters.bindings == 2)
    #expect(counters.coreMessages == 0)
    try core.stop()
  }

  @Test(arguments: 0..<20) func garbageOnTheBackChannel_endsThatDeviceAndNotTheCore(seed: Int) throws {
    let core = try Core()
    let bad = MessageSocket(owning: try core.attach(index: 3, incarnation: 1, at: 0x4000_0000))
    let good = Channel(owning: try core.attach(index: 4, incarnation: 1, at: 0x5000_0000))
    let event = try EventCounter()
    var bytes = (0..<(seed * 7 + 1)).map { _ in UInt8.random(in: 0...255) }
    if seed > 9 { bytes.replaceSubrange(0..<4, with: [UInt8(118 + seed), 0, 0, 0]) }
    let descriptors = [Int32](repeating: event.descriptor.raw, count: seed % 17)
    try bytes.withUnsafeBytes { try bad.send($0, descriptors: descriptors) }

    #expect(try core.next(DeviceFault.self) == DeviceFault(deviceIndex: 3, code: RingFault.brokenBackChannel.rawValue))
    try good.send(UnbindMSI(id: 9))
    #expect(try receive(good) == Bound(to: .unbindMSI, id: 9))
    // A successor starts with nothing bound and is served.
    let successor = Channel(owning: try core.attach(index: 3, incarnation: 2, at: 0x4000_0000))
    try successor.send(BindMSI(id: 0, vector: 64), descriptors: [event.descriptor.raw])
    #expect(try receive(successor) == Bound(to: .bindMSI, id: 0))
    try core.stop()
  }

  @Test func newIncarnation_bindsTheSameDoorbellsAgain() throws {
    let core = try Core()
    let event = try EventCounter()
    for incarnation in 1...3 as ClosedRange<UInt32> {
      let device = Channel(owning: try core.attach(index: 3, incarnation: incarnation, at: 0x4000_0000))
      for id in 0..<160 as Range<UInt32> {
        let address = 0x4000_4000 + UInt64(id % 16) * 0x1_0000 + UInt64(id / 16) * 4
        try device.send(BindDoorbell(id: id, address: address, length: 2), descriptors: [event.descriptor.raw])
        try device.send(BindMSI(id: id, vector: 64 + id), descriptors: [event.descriptor.raw])
        #expect(try receive(device).fault == nil)
        #expect(try receive(device).fault == nil)
      }
      try core.supervisor.send(DetachDevice(deviceIndex: 3))
    }
    #expect(try core.counters().bindings == 960)
    try core.stop()
  }

  @Test func abandonedDevice_hasNothingBound() throws {
    let core = try Core()
    let event = try EventCounter()
    let device = Channel(owning: try core.attach(index: 3, incarnation: 1, at: 0x4000_0000))
    try device.send(BindDoorbell(id: 0, address: 0x4000_4000, length: 2), descriptors: [event.descriptor.raw])
    #expect(try receive(device).fault == nil)
    try core.supervisor.send(AbandonDevice(deviceIndex: 3))
    _ = try core.counters()
    // The same doorbell is free again.
    try core.shared.machine?.hypervisor.bindDoorbell(event.descriptor.raw, address: 0x4000_4000, length: 2, match: nil)
    try core.stop()
  }
}
