import DeviceBus
import DeviceModel
import DeviceProcess
import PCIeModel
import System
import VhostUser

/// What the PCIe process does beside the model: it keeps what is in force (doorbells, messages, the back-ends' rings) equal to
/// what the model says. It waits for the VMM, which is quick and trusted, and for no back-end.
struct PCIeAttendant: Attendant, ~Copyable {
  typealias Model = PCIeDevice

  private let watch: Watch
  private var backChannel: BackChannel?
  /// By slot: eventfds and bindings of the functions that exist, conversations with the back-ends that are there.
  var ports = [FunctionPort?](repeating: nil, count: PCIeLimits.slots)
  var links = [FunctionLink?](repeating: nil, count: PCIeLimits.slots)
  var complaints = Complaints()
  /// Nanoseconds that a back-end has for an answer.
  private let patience: Int64
  /// `settle` left something to do.
  private var isUnsettled = false
  /// Each change that settling brings about may ask for another, some times over.
  private static let rounds = 8

  /// Nothing attached. Before the second phase of the sandbox.
  init(patience: Int64 = 10_000_000_000) throws(SystemError) {
    watch = try Watch()
    self.patience = patience
  }

  var descriptor: Int32 { watch.raw }

  var deadline: Int64? {
    if isUnsettled { return 0 }
    var earliest: Int64?
    for link in links {
      guard let due = link?.session.deadline else { continue }
      earliest = min(earliest ?? due, due)
    }
    return earliest
  }

  mutating func begin<P: StoreProbe>(
    _ core: inout DeviceCore<PCIeDevice, P>, backChannel: consuming Channel?, resumed: Bool
  ) throws(DeviceFailure) {
    // The VMM reads its end only when this process is ready: nothing is asked of it here.
    if let channel = backChannel { self.backChannel = BackChannel(channel) }
    guard resumed else { return }
    for slot in 1..<PCIeLimits.slots where core.model.index(of: slot) != nil {
      try core.update { $0.announceAgain(slot) }
    }
  }

  // MARK: Settling

  mutating func settle<P: StoreProbe>(_ core: inout DeviceCore<PCIeDevice, P>) throws(DeviceFailure) {
    for _ in 0..<Self.rounds {
      var changed = core.model.takeChanges()
      isUnsettled = changed != 0
      if changed == 0 { return }
      while changed != 0 {
        let slot = changed.trailingZeroBitCount
        changed &= changed - 1
        try reconcile(slot, &core)
      }
    }
  }

  /// Makes what is in force for one function what the model says.
  private mutating func reconcile<P: StoreProbe>(
    _ slot: Int, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) {
    guard let index = core.model.index(of: slot) else { return }
    let port = try port(slot, core.model.functions[index])
    try bind(port, core.model.functions[index], &core)
    do throws(SystemError) { try port.watchEvents(core.model.functions[index]) } catch { throw .system(error) }
    let fired = core.model.takeFired(index)
    for vector in 0..<port.vectors.count where fired & 1 << UInt64(vector) != 0 {
      port.vectors[vector]?.signal()
      core.countInterrupt()
    }
    let kicks = core.model.takeKicks(index)
    for queue in 0..<port.kicks.count where kicks & 1 << UInt32(queue) != 0 { port.kicks[queue].signal() }
    try drive(slot, core.model.functions[index], port, &core)
  }

  private mutating func port(_ slot: Int, _ function: VirtioFunction) throws(DeviceFailure) -> FunctionPort {
    if let port = ports[slot] { return port }
    do throws(SystemError) {
      let port = try FunctionPort(function, vectors: function.vectors.count, watch)
      ports[slot] = port
      return port
    } catch {
      throw .system(error)
    }
  }

  /// Doorbells and messages. A vector that is masked is unbound when this returns; what it signalled meanwhile is pending.
  private mutating func bind<P: StoreProbe>(
    _ port: FunctionPort, _ function: VirtioFunction, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) {
    let requests: [BindingRequest]
    do throws(SystemError) { requests = try port.differences(function) } catch { throw .system(error) }
    guard !requests.isEmpty else { return }
    let faults = try backChannel?.perform(requests) ?? [BindFault?](repeating: .refused, count: requests.count)
    for (request, fault) in zip(requests, faults) {
      guard let fault else { continue }
      port.note(request, fault, function)
      complaints.say(port.slot, "a doorbell or vector is not bound: \(fault.sentence.text)")
    }
    for case .unbindMessage(let id) in requests { try collect(port, id - function.firstMessage, &core) }
  }

  /// What a vector signalled while it is not bound becomes its pending bit.
  private mutating func collect<P: StoreProbe>(
    _ port: FunctionPort, _ vector: Int, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) {
    guard port.takeUnbound(vector) else { return }
    let slot = port.slot
    try core.update { $0.fire(slot, vector: vector) }
  }

  // MARK: Readiness and time

  mutating func attend<P: StoreProbe>(_ core: inout DeviceCore<PCIeDevice, P>) throws(DeviceFailure) {
    for token in watch.ready() { try serve(token, &core) }
    for slot in 0..<links.count {
      guard let link = links[slot], let due = link.session.deadline, due <= core.now.monotonic else { continue }
      let now = core.now.monotonic
      try converse(link, &core) { (link) throws(LinkFailure) in try link.elapse(now: now) }
    }
    try settle(&core)
  }

  private mutating func serve<P: StoreProbe>(
    _ token: WatchToken, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) {
    guard token.slot < PCIeLimits.slots else { return }
    let now = core.now.monotonic
    switch token.kind {
    case .socket:
      guard let link = links[token.slot] else { return }
      try converse(link, &core) { (link) throws(LinkFailure) in
        try link.readSocket(now: now)
        try link.pump(now: now)
      }
    case .channel:
      guard let link = links[token.slot] else { return }
      try converse(link, &core) { (link) throws(LinkFailure) in
        try link.readChannel(now: now)
        try link.pump(now: now)
      }
    case .error: try breakDown(token.slot, &core)
    case .vector: if let port = ports[token.slot] { try collect(port, token.index, &core) }
    }
  }

  private mutating func breakDown<P: StoreProbe>(
    _ slot: Int, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) {
    guard let port = ports[slot], port.error.drain() else { return }
    complaints.say(slot, "its back-end calls one of the guest's rings broken; the device needs a reset")
    try core.update { $0.breakDown(slot) }
  }

  // MARK: Messages of the supervisor

  mutating func handle<P: StoreProbe>(
    _ message: inout Incoming, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) -> Bool {
    switch message.request {
    case .attachFunction: try attach(&message, &core)
    case .abandonFunction:
      let slot: Int
      do throws(MessageError) { slot = Int(try message.decode(AbandonFunction.self).slot) } catch {
        throw .message(error)
      }
      links[slot] = nil
      try core.update { $0.abandon(slot) }
    default: return false
    }
    try settle(&core)
    return true
  }

  private mutating func attach<P: StoreProbe>(
    _ message: inout Incoming, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) {
    let setup: AttachFunction
    do throws(MessageError) { setup = try message.decode() } catch { throw .message(error) }
    let socket = try Self.take(&message, 0)
    let inflight = try Self.take(&message, 1)
    var memory: [Int32] = []
    for index in 0..<setup.regions.count { memory.append(try Self.take(&message, 2 + index).release()) }
    let files = GuestFiles(regions: setup.regions, memory: memory, inflight: inflight)
    let link: FunctionLink
    do throws(SystemError) {
      try MemoryFile.requireSealed(files.inflight, size: BusLimits.inflightBytes)
      link = try FunctionLink(setup, socket: socket, files: files, watch: watch, patience: patience)
    } catch {
      throw .system(error)
    }
    // The conversation with the incarnation before, if it is not over yet, ends here.
    links[link.slot] = link
    try converse(link, &core) { (link) throws(LinkFailure) in try link.pump(now: Clock.monotonic) }
  }

  private static func take(_ message: inout Incoming, _ index: Int) throws(DeviceFailure) -> FileDescriptor {
    do throws(MessageError) { return try message.take(index) } catch { throw .message(error) }
  }
}
