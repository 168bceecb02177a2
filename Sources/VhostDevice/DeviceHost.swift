import CSystem
import System
import VhostUser
import Virtqueue

/// A device with its rings and memory, as a `BackEndSession` drives it. It outlives sessions.
struct DeviceHost<Device: VirtioBackEnd & ~Copyable>: ~Copyable {
  var device: Device
  let rings: Rings
  /// Refuse memory whose owner could shrink it and so kill this process.
  private let requiresSeals: Bool
  private let deviceFeatures: UInt64
  private var accepted: UInt64 = 0
  private var inflight: InflightLog?
  /// For requests to the front-end.
  private var channel: VhostConnection?
  private var transfer: StateTransfer?
  /// When the front-end must have served the pipe of a state transfer; nil: there is none.
  private(set) var transferDeadline: Int64?
  private(set) var stateTransfer = StateTransferResult.failed

  /// Memory regions that a front-end may add.
  static var slots: Int { 32 }

  init(_ device: consuming Device, name: String, requiresSeals: Bool) throws(BackEndFailure) {
    do throws(SystemError) {
      rings = try Rings(name: name, count: max(1, min(32, device.queueCount)))
    } catch { throw .system(error) }
    deviceFeatures = device.features
    self.device = device
    self.requiresSeals = requiresSeals
  }

  /// The memory of rings and buffers.
  var memory: GuestMemory { rings.state.pointee.memory }

  private var isPacked: Bool { accepted & RingFeatures.packed != 0 }

  /// Forgets the front-end: its memory, logs and descriptors. All rings are stopped.
  mutating func forget() {
    for index in 0..<rings.count {
      rings.unwatchKick(index)
      rings.slots[index].clear()
    }
    try? memory.replace([], descriptors: [], sealed: false)
    inflight = nil
    channel = nil
    endTransfer(.failed)
  }

  /// Has the front-end told that configuration space changed; what it cannot be told now waits.
  mutating func tellConfigChange(_ session: borrowing BackEndSession) {
    guard rings.state.pointee.configChanged, session.mayTellConfigChange, channel != nil else { return }
    rings.state.pointee.configChanged = false
    do throws(VhostConnectionError) {
      try channel?.flush()
      try channel?.send(VhostOutgoing(ConfigChanged()))
    } catch {
      note("the front-end's channel for requests is lost: \(error.sentence)")
      channel = nil
    }
  }

  // MARK: state transfer

  /// Goes on with a transfer whose pipe is ready; true if it is over.
  mutating func advanceTransfer() -> Bool {
    guard let progress = transfer?.advance() else { return false }
    switch progress {
    case .waits: return false
    case .saved: endTransfer(.done)
    case .failed: endTransfer(.failed)
    case .loaded(let bytes): endTransfer(device.loadState(bytes) ? .done : .failed)
    }
    return true
  }

  /// Gives up a transfer that has taken too long; true if it did.
  mutating func expireTransfer(now: Int64) -> Bool {
    guard let deadline = transferDeadline, deadline <= now else { return false }
    note("the front-end did not serve the pipe of the device state in time")
    endTransfer(.failed)
    return true
  }

  private mutating func endTransfer(_ result: StateTransferResult) {
    if let ended = transfer.take() {
      rings.unwatch(ended.raw)
      // With `ended` the pipe closes, which the reader at its other end waits for.
    }
    transferDeadline = nil
    stateTransfer = result
  }
}

extension DeviceHost: BackEndHandler where Device: ~Copyable {
  var features: UInt64 { deviceFeatures | RingFeatures.all | RingFeatures.version1 | 1 << 30 }
  var queueCount: Int { rings.count }
  var queueSize: UInt32 { UInt32(device.queueSize) }
  var memorySlots: Int { Self.slots }
  var protocolFeatures: ProtocolFeatures {
    // QEMU complains about configuration messages of a device that it knows to have none.
    device.config().isEmpty
      ? BackEndSession.protocolFeatures.subtracting(.config) : BackEndSession.protocolFeatures
  }

  mutating func accept(features: UInt64) { accepted = features }

  // MARK: memory

  mutating func replaceMemory(_ regions: [VhostUser.MemoryRegion], _ descriptors: [Int32]) throws(BackEndFault) {
    do throws(MemoryError) {
      try memory.replace(regions.map { GuestRegion($0) }, descriptors: descriptors, sealed: requiresSeals)
    } catch { throw .resource(error.sentence) }
  }

  mutating func add(
    _ region: VhostUser.MemoryRegion, _ descriptor: consuming FileDescriptor
  ) throws(BackEndFault) {
    guard memory.count < Self.slots else { throw .resource("the front-end adds more memory regions than it may") }
    do throws(MemoryError) {
      try memory.add(GuestRegion(region), descriptor: descriptor.raw, sealed: requiresSeals)
    } catch { throw .resource(error.sentence) }
  }

  mutating func remove(_ region: VhostUser.MemoryRegion) throws(BackEndFault) {
    do throws(MemoryError) {
      try memory.remove(guestAddress: region.guestAddress, userAddress: region.userAddress, size: region.size)
    } catch { throw .resource(error.sentence) }
  }

  mutating func useInflight(
    _ area: VhostUser.InflightArea, _ descriptor: consuming FileDescriptor
  ) throws(BackEndFault) { try map(area, descriptor) }

  private mutating func map(
    _ area: VhostUser.InflightArea, _ descriptor: borrowing FileDescriptor
  ) throws(BackEndFault) {
    do throws(MemoryError) {
      inflight = try InflightLog(
        descriptor: descriptor.raw, offset: area.offset, size: area.size, queues: Int(area.queues),
        queueSize: area.ringSize, sealed: requiresSeals)
    } catch { throw .resource("in-flight log: \(error.sentence)") }
  }

  mutating func makeInflight(queues: UInt16, ringSize: UInt16) throws(BackEndFault) -> InflightMemory {
    // Packed rings' logs are larger; which kind it will be may not be known yet.
    let size = InflightLog.size(queues: Int(queues), queueSize: ringSize, packed: true)
    let area = VhostUser.InflightArea(size: UInt64(size), offset: 0, queues: queues, ringSize: ringSize)
    let memory = try DeviceHost.freshLog(queues: Int(queues), ringSize: ringSize)
    try map(area, memory)
    return InflightMemory(area: area, memory: memory)
  }

  private static func freshLog(queues: Int, ringSize: UInt16) throws(BackEndFault) -> FileDescriptor {
    do throws(SystemError) {
      return try InflightLog.create(queues: queues, queueSize: ringSize, packed: true)
    } catch { throw .system(error) }
  }

  // MARK: rings

  mutating func start(_ index: Int, _ place: VringPlace) throws(BackEndFault) {
    let addresses = RingAddresses(descriptors: place.descriptors, driver: place.available, device: place.used)
    if !rings.isAnyStarted { device.start(features: accepted) }
    do throws(VirtqueueError) {
      let queue = try Virtqueue(
        index: index, size: UInt16(clamping: place.size), addresses: addresses, features: accepted, base: place.base,
        memory: memory, log: inflight)
      rings.start(index, queue)
    } catch { throw .ring(index, error.sentence) }
  }

  mutating func stop(_ index: Int, clean: Bool) -> UInt32 {
    device.stop(index, rings)
    rings.signal()
    let left = rings.outstanding(index)
    if left > 0 { note("ring \(index) stops with \(left) chains that the device has not given back") }
    let stopped = rings.stop(index)
    if clean, stopped.isSettled { inflight?.erase(index, packed: isPacked) }
    memory.releaseRetired()
    return stopped.base
  }

  mutating func enable(_ index: Int, _ enabled: Bool) { rings.enable(index, enabled) }

  mutating func set(
    _ event: VringEvent, of index: Int, _ descriptor: consuming FileDescriptor?
  ) throws(BackEndFault) {
    if let raw = descriptor?.raw {
      guard atoll_is_anonymous(raw) == 1 else { throw .ring(index, "a descriptor that is no eventfd came for it") }
      // A peer that fills an eventfd must not be able to hold this process up.
      if event != .kick { _ = atoll_make_nonblocking(raw) }
    }
    rings.set(event, of: index, descriptor)
  }

  var needsReset: Bool { rings.isAnyBroken }

  mutating func reset() {
    device.reset()
    for index in 0..<rings.count {
      rings.slots[index].isBroken = false
      // Both, because the next driver's rings may be of the other kind.
      inflight?.erase(index, packed: false)
      inflight?.erase(index, packed: true)
    }
  }

  // MARK: the rest

  func config() -> [UInt8] { device.config() }
  mutating func setConfig(offset: Int, _ bytes: [UInt8]) -> Bool { device.setConfig(offset: offset, bytes) }
  mutating func useChannel(_ socket: consuming FileDescriptor) { channel = VhostConnection(owning: socket) }
  mutating func note(_ sentence: String) { rings.report(sentence) }

  mutating func transferState(_ pipe: consuming FileDescriptor, loading: Bool) throws(BackEndFault) {
    guard transferDeadline == nil else { throw .resource("two transfers of device state at once") }
    guard atoll_make_nonblocking(pipe.raw) == 0 else { throw .resource("the pipe of the device state cannot be used") }
    let next = StateTransfer(pipe, saving: loading ? nil : device.saveState(), now: Clock.monotonic)
    guard rings.state.pointee.epoll.watch(next.raw, .stateTransfer, next.events) else {
      throw .resource("the pipe of the device state cannot be waited for")
    }
    transferDeadline = next.deadline
    transfer = consume next
    stateTransfer = .running
  }
}

extension GuestRegion {
  fileprivate init(_ region: VhostUser.MemoryRegion) {
    self.init(
      guestAddress: region.guestAddress, userAddress: region.userAddress, size: region.size,
      fileOffset: region.fileOffset)
  }
}

/// Feature bits of every ring here.
enum RingFeatures {
  static let version1: UInt64 = 1 << 32
  static let packed: UInt64 = 1 << 34
  /// INDIRECT_DESC, EVENT_IDX and RING_PACKED.
  static let all: UInt64 = 1 << 28 | 1 << 29 | packed
}
