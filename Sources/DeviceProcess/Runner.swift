import CSystem
import DeviceBus
import DeviceModel
import System

/// A device process with nothing to attend to beside its model.
public typealias Runner<Model: DeviceModel, Probe: StoreProbe> = AttendedRunner<NoAttendant<Model>, Probe>

/// A device process: takes its first message, restores or starts its model, serves until the supervisor goes.
public struct AttendedRunner<A: Attendant & ~Copyable, Probe: StoreProbe>: ~Copyable {
  /// The device's model.
  public typealias Model = A.Model
  /// The device itself, for tests that drive it step by step.
  public var core: DeviceCore<Model, Probe>
  private var attendant: A
  private let wake: EventCounter
  private let kick: EventCounter
  private let spin: Int64
  /// The model's time is read again for every access, not once for all that wait.
  private let clockPerAccess: Bool
  private var nextMessageCheck: Int64 = 0
  private var idleSince: Int64 = 0

  /// How long a busy device may leave the supervisor's messages unread, in nanoseconds.
  private static var messageInterval: Int64 { 5_000_000 }
  /// Nanoseconds without an access after which an owed interrupt is sent: the guest has left its handler.
  private static var quiet: Int64 { 10_000 }
  /// Accesses between two looks at everything else.
  private static var batch: Int { 256 }

  // MARK: start

  /// Waits for the first message on `channel` and carries it out up to, and with, `DeviceReady`.
  public static func start(
    channel: consuming Channel, kind: UInt32, clockPerAccess: Bool, attendant: consuming A, probe: Probe
  ) throws(DeviceFailure) -> AttendedRunner {
    let first: Incoming?
    do throws(ChannelError) { first = try channel.receive() } catch { throw .init(error) }
    guard var message = first else { throw .supervisorGone }
    var attachment = try Attachment(&message, stateSize: stateCapacity)
    let resume = attachment.setup.resume && StatePage.isPublished(attachment.page)
    let backChannel = attachment.takeBackChannel()
    let content = attachment.takeContent()
    var runner = try AttendedRunner(
      attachment, channel: channel, kind: kind, resume: resume, clockPerAccess: clockPerAccess, attendant: attendant,
      probe: probe)
    do throws(SystemError) { try SecondPhase.enter(&message) } catch { throw .system(error) }
    if let content { try runner.attendant.take(content: content) }
    if resume { try runner.core.takeOver() } else { runner.core.startCold() }
    try runner.attendant.begin(&runner.core, backChannel: backChannel, resumed: resume)
    do throws(SystemError) { try runner.core.channel.send(DeviceReady()) } catch { throw .init(error) }
    return runner
  }

  /// Bytes that the state page has for the model.
  private static var stateCapacity: Int { max(BusLimits.modelStateSize, Model.stateSize) }

  private init(
    _ attachment: consuming Attachment, channel: consuming Channel, kind: UInt32, resume: Bool, clockPerAccess: Bool,
    attendant: consuming A, probe: Probe
  ) throws(DeviceFailure) {
    let setup = attachment.setup
    let vcpus = Int(setup.vcpus)
    let identity = StateIdentity(
      kind: kind, deviceIndex: setup.deviceIndex, vcpus: setup.vcpus, stateSize: UInt32(Model.stateSize),
      capacity: Self.stateCapacity)
    let now = Self.time()
    let segment = attachment.segment
    let applied = RingBackEnd.coldStart(segment: segment, vcpus: vcpus)
    let backEnd = ConsoleDeviceEnd.coldStart(segment: attachment.console)
    let page = try Self.page(attachment.page, identity, cold: resume ? nil : (applied, backEnd))
    page.note(incarnation: setup.incarnation)
    let model = resume ? try Self.restore(page.modelState(), at: now) : Model(at: now)
    let rings = RingBackEnd(
      segment: segment, vcpus: vcpus, regionSizes: Model.regions.map { $0.size }, applied: page.applied())
    do throws(RingFault) { try rings.checkHeads() } catch { throw resume ? .page(.ringMismatch) : .ring(error) }
    let console = try Self.console(attachment.console, page.backEnd)
    core = DeviceCore(
      model: model, rings: rings, page: page, console: console, hasConsole: setup.console,
      interrupt: attachment.interrupt, terminal: attachment.terminal, channel: channel, vcpus: vcpus, now: now,
      probe: probe)
    self.attendant = attendant
    wake = attachment.wake
    kick = attachment.kick
    spin = atoll_cpu_count() > 1 ? AccessRing.spinNanoseconds : 0
    self.clockPerAccess = clockPerAccess
    core.coalescesInterrupts = spin > 0
  }

  private static func page(
    _ mapping: consuming Mapping, _ identity: StateIdentity, cold: (applied: [UInt64], backEnd: BackEndState)?
  ) throws(DeviceFailure) -> StatePage {
    if let cold {
      return StatePage(cold: mapping, identity: identity, applied: cold.applied, backEnd: cold.backEnd)
    }
    do throws(StatePageError) { return try StatePage(resuming: mapping, identity: identity) } catch {
      throw .page(error)
    }
  }

  private static func restore(_ bytes: [UInt8], at now: Instant) throws(DeviceFailure) -> Model {
    do throws(StateError) { return try Model(restoring: bytes.span.bytes, at: now) } catch { throw .state(error) }
  }

  private static func console(
    _ mapping: consuming Mapping, _ state: BackEndState
  ) throws(DeviceFailure) -> ConsoleDeviceEnd {
    let end = ConsoleDeviceEnd(segment: mapping, outCount: state.outCount, inCount: state.inCount)
    guard end.output.isConsistent(), end.input.isConsistent() else { throw .page(.consoleMismatch) }
    return end
  }

  private static func time() -> Instant { Instant(monotonic: Clock.monotonic, realtime: Clock.realtime) }

  // MARK: loop

  /// One round: what waits is served, or the process spins or sleeps until something does. Throws `supervisorGone` when
  /// the machine ends.
  public mutating func step() throws(DeviceFailure) {
    core.now = Self.time()
    if core.now.monotonic >= nextMessageCheck {
      try readMessages()
      try attendant.attend(&core)
    }
    if core.owesInterrupt, core.now.monotonic >= core.interruptDue { core.payInterrupt() }
    if try work() {
      idleSince = core.now.monotonic
    } else if core.owesInterrupt {
      if !spin(until: min(core.interruptDue, idleSince &+ Self.quiet)) { core.payInterrupt() }
    } else if !spin(until: idleSince &+ spin) {
      try sleep()
      idleSince = Clock.monotonic
    }
  }

  private mutating func work() throws(DeviceFailure) -> Bool {
    var worked = try core.elapse()
    for _ in 0..<Self.batch {
      guard let applied = try core.applyNext() else { break }
      try attendant.settle(&core)
      core.answer(applied)
      worked = true
      _ = try core.pump()
      if clockPerAccess { core.now = Self.time() }
    }
    return try core.pump() || worked
  }

  /// Polls until there is work (true) or the time is over.
  private borrowing func spin(until end: Int64) -> Bool {
    repeat {
      for _ in 0..<32 {
        if core.rings.hasWork() || core.canPump() { return true }
        spinHint()
      }
    } while Clock.monotonic < end
    return false
  }

  private mutating func sleep() throws(DeviceFailure) {
    guard core.announceSleep() else { return }
    defer { core.announceAwake() }
    core.countSleep()
    let timeout = earliest(core.deadline, attendant.deadline).map { max(0, $0 - Clock.monotonic) }
    let entries = [
      (descriptor: core.channel.raw, events: Poll.input), (descriptor: wake.descriptor.raw, events: Poll.input),
      (descriptor: kick.descriptor.raw, events: Poll.input), (descriptor: attendant.descriptor, events: Poll.input),
    ]
    let ready: [Int16]
    do throws(SystemError) { ready = try Poll.wait(entries, nanoseconds: timeout) } catch { throw .system(error) }
    if ready[1] != 0 { wake.drain() }
    if ready[2] != 0 { kick.drain() }
    // The attendant's time may have come as well; it looks with the messages.
    if ready[0] != 0 || ready[3] != 0 || ready.allSatisfy({ $0 == 0 }) { nextMessageCheck = 0 }
  }

  private func earliest(_ a: Int64?, _ b: Int64?) -> Int64? {
    guard let a, let b else { return a ?? b }
    return min(a, b)
  }

  // MARK: messages

  private mutating func readMessages() throws(DeviceFailure) {
    nextMessageCheck = core.now.monotonic + Self.messageInterval
    while var message = try nextMessage() { try handle(&message) }
  }

  private borrowing func nextMessage() throws(DeviceFailure) -> Incoming? {
    let ready: [Int16]
    // poll first: a message buffer is not worth its cost when there is none, which is nearly always.
    do throws(SystemError) {
      ready = try Poll.wait([(descriptor: core.channel.raw, events: Poll.input)], nanoseconds: 0)
    } catch { throw .system(error) }
    guard ready[0] != 0 else { return nil }
    do throws(ChannelError) { return try core.channel.receive(wait: false) } catch { throw .init(error) }
  }

  private mutating func handle(_ message: inout Incoming) throws(DeviceFailure) {
    switch message.request {
    case .hostEvent: try deliver(try Self.decode(message, HostEventMessage.self).event)
    case .queryDeviceCounters:
      _ = try Self.decode(message, QueryDeviceCounters.self)
      do throws(SystemError) { try core.channel.send(core.counters) } catch { throw .init(error) }
    default:
      guard try attendant.handle(&message, &core) else {
        throw .message(.unexpectedRequest(message.request.rawValue))
      }
    }
  }

  private static func decode<M: Message>(_ message: borrowing Incoming, _ type: M.Type) throws(DeviceFailure) -> M {
    do throws(MessageError) { return try message.decode(type) } catch { throw .message(error) }
  }

  private mutating func deliver(_ number: UInt32) throws(DeviceFailure) {
    guard let byte = UInt8(exactly: number), let event = HostEvent(rawValue: byte) else { return }
    try core.hostEvent(event)
  }
}

extension AttendedRunner where A: ~Copyable {
  /// The same for a device with nothing to attend to.
  public static func start<M: DeviceModel>(
    channel: consuming Channel, kind: UInt32, clockPerAccess: Bool, probe: Probe
  ) throws(DeviceFailure) -> AttendedRunner where A == NoAttendant<M> {
    try start(
      channel: channel, kind: kind, clockPerAccess: clockPerAccess, attendant: NoAttendant(), probe: probe)
  }
}

/// What a device program's `main` calls.
public enum DeviceProgram {
  /// Serves `Model` on the inherited set-up socket and exits. `kind` is four letters that mark the model's state pages.
  /// With `clockPerAccess` the model's time is read anew for every access (RTC), not once for all that wait.
  public static func run<Model: DeviceModel>(
    _ model: Model.Type, kind: StaticString, clockPerAccess: Bool = false
  ) -> Never {
    run(NoAttendant<Model>(), kind: kind, clockPerAccess: clockPerAccess)
  }

  /// The same with an attendant, which is made before the second phase of the sandbox.
  public static func run<A: Attendant & ~Copyable>(
    _ attendant: consuming A, kind: StaticString, clockPerAccess: Bool = false
  ) -> Never {
    let descriptor = FileDescriptor(owning: Channel.inheritedDescriptor)
    let reports = try? descriptor.duplicate()
    let channel = Channel(owning: descriptor)
    do throws(DeviceFailure) {
      var runner = try AttendedRunner<A, NoProbe>.start(
        channel: channel, kind: code(kind), clockPerAccess: clockPerAccess, attendant: attendant, probe: NoProbe())
      while true { try runner.step() }
    } catch {
      end(error, reports)
    }
  }

  private static func end(_ failure: DeviceFailure, _ reports: consuming FileDescriptor?) -> Never {
    guard failure.status != 0, let reports else { Process.exit(failure.status) }
    let message = DeviceFailed(code: UInt32(failure.status), text: failure.sentence)
    // The status says it too: a supervisor that does not read must not hold up the exit.
    try? Channel(owning: reports).send(message, wait: false)
    Process.exit(failure.status)
  }

  private static func code(_ kind: StaticString) -> UInt32 {
    var code: UInt32 = 0
    for (i, byte) in kind.text.utf8.prefix(4).enumerated() { code |= UInt32(byte) << UInt32(8 * i) }
    return code
  }
}
