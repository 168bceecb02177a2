import CSystem
import DeviceBus
import System
import VhostUser

/// The one thread of a back-end process: rings first, then what the descriptors say, then a short spin, then sleep.
struct EventLoop<Device: VirtioBackEnd & ~Copyable>: ~Copyable {
  var host: DeviceHost<Device>
  var session: BackEndSession
  /// The front-end that is served, if there is one.
  var connection: VhostConnection?
  private var connectionDescriptor: Int32 = -1
  /// Where further front-ends come from: a listening socket, the supervisor, or nowhere. Number -1: not from there.
  let listener: FileDescriptor
  let channel: Channel
  private let spin: Int64
  private var idleSince: Int64 = 0
  private var nextLook: Int64 = 0
  private var watchesOutput = false

  /// Nanoseconds that an idle process polls its rings before it sleeps.
  private static var spinNanoseconds: Int64 { 30_000 }
  /// Nanoseconds between two looks at the descriptors while rings are busy or polled.
  private static var lookInterval: Int64 { 10_000 }
  /// Nanoseconds between two looks at rings whose front-end gave no kick descriptor.
  private static var pollInterval: Int64 { 1_000_000 }
  /// Messages that are carried out before the rings are looked at again.
  private static var messagesPerTurn: Int { 32 }

  init(
    _ host: consuming DeviceHost<Device>, listener: consuming FileDescriptor = FileDescriptor(owning: -1),
    channel: consuming Channel = Channel(owning: FileDescriptor(owning: -1))
  ) {
    session = BackEndSession(queueCount: host.rings.count)
    self.host = host
    self.listener = listener
    self.channel = channel
    spin = atoll_cpu_count() > 1 ? Self.spinNanoseconds : 0
    watch(self.listener.raw, .listener, Ready.input)
    watch(self.channel.raw, .supervisor, Ready.input)
  }

  private func watch(_ fd: Int32, _ source: Source, _ events: UInt32) {
    if fd >= 0 { _ = host.rings.state.pointee.epoll.watch(fd, source, events) }
  }

  // MARK: turns

  /// One turn: whatever waits is done, or the process spins or sleeps until something does. With `wait` false it does
  /// neither. True if something was done.
  @discardableResult
  mutating func turn(wait: Bool = true) throws(BackEndFailure) -> Bool {
    let now = Clock.monotonic
    let worked = work(now)
    if worked { idleSince = now }
    if !worked || now >= nextLook {
      nextLook = now + Self.lookInterval
      if try look(nanoseconds: 0) { return true }
    }
    guard !worked else { return true }
    guard wait else { return false }
    if spinUntilNews(idleSince &+ spin) { return true }
    if Clock.monotonic >= idleSince &+ spin { try sleep() }
    return true
  }

  /// Serves what is known to wait; false if there was nothing.
  private mutating func work(_ now: Int64) -> Bool {
    var worked = serveRings()
    if host.device.poll(host.rings) {
      host.rings.offerAll()
      worked = true
    }
    if let deadline = host.device.deadline, deadline <= now {
      host.device.elapse(now: now, host.rings)
      host.rings.offerAll()
      worked = true
    }
    host.rings.signal()
    host.tellConfigChange(session)
    if host.expireTransfer(now: now) { worked = true }
    return worked
  }

  private mutating func serveRings() -> Bool {
    let rings = host.rings
    var worked = false
    var left = rings.state.pointee.watched
    while left != 0 {
      let index = left.trailingZeroBitCount
      left &= left &- 1
      guard rings.hasAvailable(index) else { continue }
      // `pop` sets it again if it comes to the ring's end.
      rings.state.pointee.watched &= ~(1 << UInt32(index))
      rings.state.pointee.taken = 0
      rings.state.pointee.counters.batches &+= 1
      host.device.serve(index, rings)
      rings.signal()
      if rings.state.pointee.taken > 0 {
        rings.offer(index)
        worked = true
      }
    }
    return worked
  }

  /// Polls until something is to be done (true), the time is over, or the descriptors are due for a look.
  private mutating func spinUntilNews(_ end: Int64) -> Bool {
    let rings = host.rings
    guard spin > 0, rings.isAnyStarted else { return false }
    let end = min(end, nextLook)
    repeat {
      for _ in 0..<32 {
        if rings.hasNews() { return true }
        spinHint()
      }
      if host.device.poll(rings) {
        rings.signal()
        rings.offerAll()
        return true
      }
    } while Clock.monotonic < end
    return false
  }

  private mutating func sleep() throws(BackEndFailure) {
    guard host.rings.enableKicks() else { return }
    host.rings.state.pointee.counters.sleeps &+= 1
    let ready = host.rings.state.pointee.epoll.wait(nanoseconds: timeout())
    host.rings.disableKicks()
    try carryOut(ready)
    idleSince = Clock.monotonic
    nextLook = idleSince + Self.lookInterval
  }

  /// Nanoseconds until something is due without a descriptor saying so; nil: never.
  private func timeout() -> Int64? {
    var due = host.device.deadline ?? .max
    if let deadline = host.transferDeadline { due = min(due, deadline) }
    let now = Clock.monotonic
    if host.rings.isPolled { due = min(due, now + Self.pollInterval) }
    return due == .max ? nil : max(1, due - now)
  }

  // MARK: descriptors

  private mutating func look(nanoseconds: Int64) throws(BackEndFailure) -> Bool {
    let ready = host.rings.state.pointee.epoll.wait(nanoseconds: nanoseconds)
    return try carryOut(ready)
  }

  @discardableResult
  private mutating func carryOut(_ ready: Int) throws(BackEndFailure) -> Bool {
    for index in 0..<ready {
      guard let event = host.rings.state.pointee.epoll.ready(index) else { continue }
      try carryOut(event.source, event.events)
    }
    return ready > 0
  }

  private mutating func carryOut(_ source: Source, _ events: UInt32) throws(BackEndFailure) {
    let rings = host.rings
    switch source {
    case .kick(let index):
      rings.state.pointee.counters.kicks &+= 1
      if index < rings.count { rings.offer(index) }
    case .device(let token):
      rings.state.pointee.counters.batches &+= 1
      host.device.ready(token, events, rings)
      rings.signal()
      rings.offerAll()
    case .frontEnd: try serveFrontEnd()
    case .listener: try acceptFrontEnd()
    case .supervisor: try serveSupervisor()
    case .stateTransfer: if host.advanceTransfer() { try answerTransfer() }
    }
  }

  // MARK: front-end

  /// Takes the next front-end; an earlier one is over.
  mutating func take(_ next: consuming VhostConnection) {
    endSession()
    connectionDescriptor = next.raw
    watch(connectionDescriptor, .frontEnd, Ready.input)
    connection = consume next
  }

  /// Requests are finished, rings stopped, and everything of the front-end is let go; the device stays.
  private mutating func endSession() {
    session.end(&host)
    host.forget()
    session = BackEndSession(queueCount: host.rings.count)
    if connectionDescriptor >= 0 { host.rings.unwatch(connectionDescriptor) }
    connectionDescriptor = -1
    connection = nil
    watchesOutput = false
  }

  private mutating func serveFrontEnd() throws(BackEndFailure) {
    do throws(BackEndFault) { try converse() } catch { try end(error) }
  }

  private mutating func converse() throws(BackEndFault) {
    try flush()
    for _ in 0..<Self.messagesPerTurn where !session.awaitsState {
      guard var message = try nextMessage() else { break }
      host.rings.state.pointee.counters.messages &+= 1
      if let answer = try session.handle(&message, &host) { try send(answer) }
    }
    host.rings.signal()
    watchFrontEnd()
  }

  private mutating func nextMessage() throws(BackEndFault) -> VhostIncoming? {
    do throws(VhostConnectionError) { return try connection?.receive() } catch { throw BackEndFault(error) }
  }

  private mutating func send(_ answer: consuming BackEndAnswer) throws(BackEndFault) {
    var message = answer.message
    if answer.hasDescriptor { message.descriptors = [answer.descriptor.raw] }
    do throws(VhostConnectionError) { try connection?.send(message) } catch { throw BackEndFault(error) }
  }

  private mutating func flush() throws(BackEndFault) {
    do throws(VhostConnectionError) { try connection?.flush() } catch { throw BackEndFault(error) }
  }

  /// While an answer is owed nothing more is read; while one waits for room, room is waited for.
  private mutating func watchFrontEnd() {
    let wantsOutput: Bool
    switch connection {
    case .some(let connection): wantsOutput = connection.wantsOutput
    case .none: return
    }
    guard wantsOutput != watchesOutput || session.awaitsState else { return }
    watchesOutput = wantsOutput
    watch(connectionDescriptor, .frontEnd, (session.awaitsState ? 0 : Ready.input) | (wantsOutput ? Ready.output : 0))
  }

  private mutating func answerTransfer() throws(BackEndFailure) {
    guard let answer = session.stateAnswer(host) else { return }
    watch(connectionDescriptor, .frontEnd, Ready.input)
    do throws(BackEndFault) { try send(answer) } catch { try end(error) }
  }

  private mutating func end(_ fault: BackEndFault) throws(BackEndFailure) {
    endSession()
    switch fault {
    case .closed: break
    default:
      host.rings.state.pointee.counters.refusedSessions &+= 1
      host.note("the front-end is sent away: \(fault.sentence)")
    }
    if listener.raw >= 0 {
      watch(listener.raw, .listener, Ready.input)
    } else if channel.raw < 0 {
      if case .closed = fault { throw .frontEndGone }
      throw .frontEnd(fault)
    }
  }

  /// One front-end at a time: others wait in the listening socket's queue.
  private mutating func acceptFrontEnd() throws(BackEndFailure) {
    let accepted = atoll_unix_accept(listener.raw)
    guard accepted >= 0 else { return }
    host.rings.unwatch(listener.raw)
    take(VhostConnection(owning: FileDescriptor(owning: accepted)))
  }
}

extension BackEndFault {
  init(_ error: VhostConnectionError) {
    switch error {
    case .closed: self = .closed
    case .malformed(let error): self = .message(error)
    case .system(let error): self = .system(error)
    case .closedInMessage, .congested: self = .resource(error.sentence)
    }
  }
}
