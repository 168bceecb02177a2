import CSystem
import Control
import DeviceBus
import Machine
import Sandbox
import System

// The PCIe host, the back-ends of its functions, and the sockets between them.
extension Supervisor {
  var host: Child? { child("pcie") }

  /// The process of a function's back-end; nil if it is not ours.
  func backEnd(_ function: Function) -> Child? {
    children.first { $0.role.backEnd?.index == function.index }
  }

  /// Hands the PCIe host what it works on. A restarted one gets a fresh socket to every back-end.
  func attachHost(_ child: Child) throws(Ending) {
    let ends: (Int32, Int32)
    do { ends = try MessageSocket.pair() } catch { throw Ending(host: "making a socket for a process", error) }
    let device = FileDescriptor(owning: ends.0)
    let machineEnd = FileDescriptor(owning: ends.1)
    let wake = try event()
    let shared = memory.devices[Int(DeviceKind.pcie.rawValue)]
    let message = Attach(
      deviceIndex: UInt32(DeviceKind.pcie.rawValue), vcpus: UInt32(machine.vcpus), incarnation: child.incarnation,
      resume: child.incarnation > 1, backChannel: true)
    let own = [shared.rings.raw, shared.state.raw, wake.descriptor.raw, device.raw]
    try send(message, to: child, own, filtered: true)
    try send(introduction(child, .pcie), to: vmm, [shared.rings.raw, wake.descriptor.raw, machineEnd.raw])
    if child.incarnation > 1 { try rejoinAll() }
  }

  /// The front-end of every function is a new one.
  private func rejoinAll() throws(Ending) {
    for function in functions {
      disconnected(function)
      guard !function.isAbandoned else {
        tell(AbandonFunction(slot: function.slot), host)
        continue
      }
      guard let child = backEnd(function) else {
        try join(function)
        continue
      }
      guard child.current?.isIntroduced == true else { continue }
      if child.role.backEnd?.foreign == nil {
        try join(function)
      } else {
        // It may have requests in flight that it does not log: what it has done is known once it is dead.
        replace(child)
      }
    }
  }

  // MARK: joining the two sides

  /// Gives both sides of a function the ends of a new socket, or the PCIe host a connection to a foreign back-end.
  func join(_ function: Function) throws(Ending) {
    disconnected(function)
    guard let child = backEnd(function) else { return try connect(function) }
    guard let current = child.current else { return }
    function.incarnation = child.incarnation
    guard let foreign = child.role.backEnd?.foreign else {
      let ends: (Int32, Int32)
      do { ends = try StreamSocket.pair() } catch { throw Ending(host: "making a socket for a process", error) }
      let near = FileDescriptor(owning: ends.0)
      let far = FileDescriptor(owning: ends.1)
      let message = ConnectFrontEnd(function: function.slot, incarnation: max(1, host?.incarnation ?? 1))
      current.frontEndsGiven += 1
      try send(message, to: child, [far.raw], filtered: !current.isIntroduced)
      return try attach(function, near.raw)
    }
    switch foreign.connection {
    case .connected:
      guard let socket = function.files.takeConnection() else { return }
      try attach(function, socket.file.raw)
    case .listening, .path: try connect(function)
    }
  }

  /// Connects to a back-end that listens; one that does not yet is tried again.
  private func connect(_ function: Function) throws(Ending) {
    guard let path = function.path ?? function.files.runtime?.socketPath, host?.current != nil else { return }
    let raw = path.withUTF8Z { atoll_unix_connect_now($0) }
    let now = Clock.monotonic
    guard raw >= 0 else { return refused(function, path, now, -raw) }
    if function.isForeignSocket { function.incarnation += 1 }
    (function.retryAt, function.absentSince) = (nil, nil)
    let socket = FileDescriptor(owning: raw)
    try attach(function, socket.raw)
  }

  /// Nanoseconds between two attempts to connect, and between two words about it.
  private static var connectPause: Int64 { 20_000_000 }
  private static var absencePause: Int64 { 10_000_000_000 }

  private func refused(_ function: Function, _ path: String, _ now: Int64, _ number: Int32) {
    function.retryAt = now + Supervisor.connectPause
    let since = function.absentSince ?? now
    function.absentSince = since
    function.lastRefusal = number
    guard function.isForeignSocket, now - function.absenceToldAt >= Supervisor.absencePause else { return }
    function.absenceToldAt = now
    note("\(function.name) waits for its back-end at \(printable(path)): \(Errno.text(number))")
  }

  private func attach(_ function: Function, _ socket: Int32) throws(Ending) {
    guard host?.current != nil else { return }
    let ranges = RAMLayout.ranges(bytes: machine.memory)
    var (queues, config): (UInt32, [UInt8]) = (0, [])
    if case .foreign(let foreign) = function.description.kind {
      (queues, config) = (UInt32(foreign.queues), foreign.config)
    }
    let message = AttachFunction(
      slot: function.slot, deviceID: function.description.deviceID, incarnation: function.incarnation, queues: queues,
      packed: function.description.packed, config: config,
      regions: ranges.map { MemoryRegion(guestAddress: $0.range.start, size: $0.range.size, fileOffset: $0.fileOffset) }
    )
    function.attachedAt = Clock.monotonic
    try send(message, to: host, [socket, function.inflight.raw] + ranges.map { (_) in memory.ram.raw })
  }

  /// The two sides of a function are not joined any more.
  func disconnected(_ function: Function) {
    (function.isConnected, function.attachedAt, function.retryAt, function.absentSince) = (false, nil, nil, nil)
  }

  /// A function's back-end will not come back.
  func abandon(_ function: Function) {
    disconnected(function)
    function.isAbandoned = true
    tell(AbandonFunction(slot: function.slot), host)
  }

  // MARK: what the two sides say

  /// A message of a back-end of Atoll's.
  func handleBackEnd(_ child: Child, _ message: borrowing Incoming) throws(MessageError) {
    switch message.request {
    case .deviceReady:
      _ = try message.decode(DeviceReady.self)
      guard let current = child.current, current.frontEndsGiven > 0 else {
        throw .impossible("it said that it serves a front-end that it was not given")
      }
      current.frontEndsGiven -= 1
    case .deviceCounters:
      try expectCounters(child)
      child.counters = try message.decode(DeviceCounters.self)
      answerIfComplete()
    case .deviceFailed: child.complaint = try message.decode(DeviceFailed.self).text
    default: throw .unexpectedRequest(message.request.rawValue)
    }
  }

  /// The PCIe host's word about a function. A back-end is in service once it has been heard through its other side too.
  func functionState(_ state: FunctionState) throws(MessageError) {
    guard state.slot <= functions.count else { throw .impossible("the slot has no function") }
    let function = functions[Int(state.slot) - 1]
    // Word of an earlier back-end, or of one whose end is known already.
    guard state.incarnation == function.incarnation, function.attachedAt != nil || function.isConnected else { return }
    switch state.condition {
    case .connected:
      (function.isConnected, function.attachedAt) = (true, nil)
      if let child = backEnd(function), child.state == .starting { try becomeReady(child) } else { runIfReady() }
    case .fault: fault(function, state.text)
    }
  }

  private func fault(_ function: Function, _ text: String) {
    disconnected(function)
    guard let child = backEnd(function) else {
      note("\(function.name)'s back-end was left because \(text)")
      function.retryAt = Clock.monotonic + Supervisor.faultPause
      return
    }
    // That a process is gone is told by its own end.
    guard let current = child.current, !child.deathRequested, !current.process.hasEnded else { return }
    note("\(function.name) is ended because \(text)")
    child.accusation = text
    current.process.kill()
  }

  /// Nanoseconds until a back-end of somebody else's that broke the protocol gets another chance.
  private static var faultPause: Int64 { 500_000_000 }

  // MARK: deadlines

  /// When something is due for a function.
  func nextDeadline(_ function: Function) -> Int64? {
    let patience = function.attachedAt.map { $0 + Supervisor.startPatience }
    return [function.retryAt, patience, absenceDeadline(function)].compactMap { $0 }.min()
  }

  /// Before the guest runs, nobody waits for ever.
  private func absenceDeadline(_ function: Function) -> Int64? {
    guard phase == .starting, function.isForeignSocket else { return nil }
    return function.absentSince.map { $0 + Supervisor.startPatience }
  }

  /// Does what is due for a function.
  func handleDeadlines(_ function: Function, _ now: Int64) throws(Ending) {
    if let at = absenceDeadline(function), now >= at {
      let path = printable(function.path ?? "")
      throw Ending(
        .processLost, "\(function.name) has no back-end: nothing serves \(path): \(Errno.text(function.lastRefusal))")
    }
    if let at = function.retryAt, now >= at {
      function.retryAt = nil
      try connect(function)
    }
    if let at = function.attachedAt, now >= at + Supervisor.startPatience { try handshakeOverdue(function) }
  }

  /// A back-end that lives and does not answer.
  private func handshakeOverdue(_ function: Function) throws(Ending) {
    let seconds = Supervisor.startPatience / 1_000_000_000
    let text = "its back-end did not finish the vhost-user handshake within \(seconds) seconds"
    guard phase != .starting else { throw Ending(.processLost, "\(function.name) cannot start: \(text)") }
    fault(function, text)
  }
}
