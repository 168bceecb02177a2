import CSystem
import DeviceBus
import DeviceProcess
import Glibc
import ProcessSupport
import System
import VhostUser

@testable import atoll_pcie

/// Everything around one `atoll-pcie`: supervisor, VMM, a vCPU, and memory that outlives its process.
final class HostRig {
  static let memorySize = 1 << 20
  static let memoryAddress: UInt64 = 0x9000_0000

  let ring: FileDescriptor
  let page: FileDescriptor
  let memory: FileDescriptor
  let inflight: FileDescriptor
  private let control: EventCounter
  private let link: DeviceLink
  private var vcpu: RingFrontEnd
  private(set) var incarnation: UInt32 = 0
  private(set) var child: Child?
  private(set) var channel: Channel?
  private(set) var vmm: FakeVMM?
  private var backEndIncarnation: UInt32 = 0
  private var here: Worker?

  init() throws {
    let ring = try MemoryFile.create("ring", size: AccessRing.segmentSize(vcpus: 1))
    let page = try MemoryFile.create("page", size: StatePage.size(vcpus: 1, stateSize: BusLimits.hostStateSize))
    let memory = try MemoryFile.create("memory", size: Self.memorySize)
    let inflight = try MemoryFile.create("inflight", size: BusLimits.inflightBytes)
    let control = try EventCounter()
    let link = try DeviceLink(
      segment: ring, vcpus: 1, wake: try EventCounter().descriptor.duplicate(),
      control: try control.descriptor.duplicate())
    vcpu = RingFrontEnd(link, vcpu: 0)
    self.link = link
    self.control = control
    self.ring = ring
    self.page = page
    self.memory = memory
    self.inflight = inflight
  }

  // MARK: Supervisor

  /// Starts the next incarnation and waits until it serves.
  func start(withVMM: Bool = true) throws {
    incarnation += 1
    let setup = try MessageSocket.pair()
    let back = try MessageSocket.pair()
    let wake = try EventCounter()
    let inside = FileDescriptor(owning: setup.1)
    let device = FileDescriptor(owning: back.1)
    child = try Child("atoll-pcie", descriptors: [-1, -1, -1, inside.raw])
    let channel = Channel(owning: FileDescriptor(owning: setup.0))
    try channel.send(
      Attach(deviceIndex: 3, vcpus: 1, incarnation: incarnation, resume: incarnation > 1, backChannel: true),
      descriptors: [ring.raw, page.raw, wake.descriptor.raw, device.raw])
    guard let answer = try channel.receive(), answer.request == .deviceReady else { throw SystemError("start", 71) }
    self.channel = consume channel
    let core = FileDescriptor(owning: back.0)
    if withVMM { vmm = try FakeVMM(core) }
    try link.reattach(wake: try wake.descriptor.duplicate())
  }

  /// The machine ends: accesses that wait return.
  func stop() { link.stop() }

  /// Starts it in a thread of this process instead, with back-ends that have `patience` nanoseconds for an answer.
  func startHere(patience: Int64) throws {
    incarnation += 1
    let setup = try MessageSocket.pair()
    let back = try MessageSocket.pair()
    let device = FileDescriptor(owning: back.1)
    let channel = Channel(owning: FileDescriptor(owning: setup.0))
    let wake = try EventCounter()
    try channel.send(
      Attach(deviceIndex: 3, vcpus: 1, incarnation: incarnation, resume: incarnation > 1, backChannel: true),
      descriptors: [ring.raw, page.raw, wake.descriptor.raw, device.raw])
    let other = setup.1
    here = try Worker {
      guard
        var runner = try? AttendedRunner<PCIeAttendant, NoProbe>.start(
          channel: Channel(owning: FileDescriptor(owning: other)), kind: 0x4549_4350, clockPerAccess: false,
          attendant: try PCIeAttendant(patience: patience), probe: NoProbe())
      else { return }
      while (try? runner.step()) != nil {}
    }
    guard let answer = try channel.receive(), answer.request == .deviceReady else { throw SystemError("start", 71) }
    self.channel = consume channel
    vmm = try FakeVMM(FileDescriptor(owning: back.0))
    try link.reattach(wake: try wake.descriptor.duplicate())
  }

  deinit {
    channel = nil
    _ = here?.wait(seconds: 5)
  }

  /// kill -9, and reaped.
  func kill() {
    child?.kill(9)
    _ = child?.wait()
    child = nil
    channel = nil
  }

  /// Gives the process a back-end for `slot` and waits until it is connected.
  func connect(_ nature: FakeBackEnd.Nature = FakeBackEnd.Nature(), packed: Bool = false) throws -> FakeBackEnd {
    let backEnd = try attach(nature, packed: packed)
    guard try functionState()?.condition == .connected else { throw SystemError("handshake", 71) }
    return backEnd
  }

  /// Gives the process a back-end for `slot`.
  func attach(
    _ nature: FakeBackEnd.Nature = FakeBackEnd.Nature(), slot: UInt32 = 1, deviceID: UInt32 = 2, queues: UInt32 = 0,
    packed: Bool = false
  ) throws -> FakeBackEnd {
    let ends = try StreamSocket.pair()
    let inside = FileDescriptor(owning: ends.1)
    try send(attach: inside.raw, slot: slot, deviceID: deviceID, queues: queues, packed: packed)
    return try FakeBackEnd(ends.0, nature)
  }

  /// Sends `attachFunction` with these descriptors.
  func send(
    attach socket: Int32, inflight other: Int32? = nil, slot: UInt32 = 1, deviceID: UInt32 = 2, queues: UInt32 = 0,
    packed: Bool = false
  ) throws {
    backEndIncarnation += 1
    let region = DeviceBus.MemoryRegion(
      guestAddress: Self.memoryAddress, size: UInt64(Self.memorySize), fileOffset: 0)
    try channel?.send(
      AttachFunction(
        slot: slot, deviceID: deviceID, incarnation: backEndIncarnation, queues: queues, packed: packed, config: [],
        regions: [region]),
      descriptors: [socket, other ?? inflight.raw, memory.raw])
  }

  /// The process' next word about a function, if it comes within `seconds`.
  func functionState(seconds: Int64 = 5) throws -> FunctionState? {
    guard let raw = channel?.raw else { return nil }
    let ready = try Poll.wait([(raw, Poll.input)], nanoseconds: seconds * 1_000_000_000)
    guard ready[0] != 0, let message = try channel?.receive() else { return nil }
    return try message.decode()
  }

  // MARK: vCPU

  func read(_ region: UInt8, _ offset: UInt32, _ size: UInt8) -> UInt64 {
    vcpu.read(region: region, offset: offset, size: size) ?? .max
  }

  func write(_ region: UInt8, _ offset: UInt32, _ size: UInt8, _ value: UInt64) {
    _ = vcpu.write(region: region, offset: offset, size: size, value: value, posted: false)
  }

  func config(_ slot: UInt32, _ register: UInt32, _ size: UInt8) -> UInt64 { read(0, slot << 15 | register, size) }
  func setConfig(_ slot: UInt32, _ register: UInt32, _ size: UInt8, _ value: UInt64) {
    write(0, slot << 15 | register, size, value)
  }
  func bar(_ slot: UInt32, _ offset: UInt32, _ size: UInt8) -> UInt64 { read(3, slot << 16 | offset, size) }
  func setBAR(_ slot: UInt32, _ offset: UInt32, _ size: UInt8, _ value: UInt64) {
    write(3, slot << 16 | offset, size, value)
  }

  /// What Linux's driver does from probe to DRIVER_OK: vector 0 for configuration, vector q + 1 for queue q.
  func drive(_ slot: UInt32 = 1, queues: Int = 2, features: UInt64 = 1 << 32) {
    setConfig(slot, 4, 2, 0x406)
    setBAR(slot, 0x14, 1, 0)
    _ = until { bar(slot, 0x14, 1) == 0 }
    setBAR(slot, 0x14, 1, 3)
    for half in 0..<UInt64(2) {
      setBAR(slot, 8, 4, half)
      setBAR(slot, 0x0c, 4, features >> (32 * half) & 0xffff_ffff)
    }
    setBAR(slot, 0x14, 1, 11)
    setConfig(slot, 0x42, 2, 0x8000)
    for vector in 0...UInt32(queues) {
      setBAR(slot, 0x8000 + vector * 16, 8, 0x2ff0_0000)
      setBAR(slot, 0x8008 + vector * 16, 8, 64 + UInt64(vector))
    }
    setBAR(slot, 0x10, 2, 0)
    for queue in 0..<queues { setUp(slot, queue) }
    setBAR(slot, 0x14, 1, 15)
  }

  private func setUp(_ slot: UInt32, _ queue: Int) {
    let base = Self.memoryAddress + UInt64(queue) * 0x4000
    setBAR(slot, 0x16, 2, UInt64(queue))
    setBAR(slot, 0x18, 2, 64)
    for (place, address) in [base, base + 0x1000, base + 0x2000].enumerated() {
      setBAR(slot, 0x20 + UInt32(place) * 8, 8, address)
    }
    setBAR(slot, 0x1a, 2, UInt64(queue) + 1)
    setBAR(slot, 0x1c, 2, 1)
  }
}
