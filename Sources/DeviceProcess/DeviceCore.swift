import DeviceBus
import DeviceModel
import System

/// A model joined to its rings, state page and back-end: every change of the model is a transaction.
///
/// Order of one transaction, which makes it happen exactly once whenever the process dies (Protocols/DeviceBus/README.md):
/// copy of the slot → model → bytes placed where nobody looks yet → state published → effects (positions of the console
/// rings, interrupt, message) → reply and tail → wake of the vCPU.
public struct DeviceCore<Model: DeviceModel & ~Copyable, Probe: StoreProbe>: ~Copyable {
  /// The device. What is not part of its saved state may be changed in place; all else by `update`.
  public var model: Model
  var rings: RingBackEnd
  private var page: StatePage
  var console: ConsoleDeviceEnd
  /// False: `console` is idle memory and the model is not asked about it.
  private let hasConsole: Bool
  private let interrupt: EventCounter
  private let terminal: EventCounter
  let channel: Channel
  private let vcpus: Int
  private let probe: Probe
  /// The console's output ring was full after the last transaction, and the model has not been told of room since.
  private(set) var outputFull = false
  /// The earliest time of the next `elapse`.
  private var quietUntil = Int64.min
  /// What the supervisor asks for.
  public internal(set) var counters = DeviceCounters()
  /// The time that transactions see; whoever drives the core keeps it fresh.
  public var now: Instant
  /// An interrupt that comes soon after the last one is owed instead of sent, and whoever drives the core pays it. A guest
  /// that works through a FIFO leaves a cause pending at every byte and finds it without being told; a pulse for each
  /// would cost two system calls and a thread of the VMM its sleep.
  var coalescesInterrupts = false
  /// An interrupt is owed. If the process dies now, its successor pays: it signals whatever is pending.
  private(set) var owesInterrupt = false
  private var lastPulse = Int64.min / 2

  /// Nanoseconds after an interrupt in which the next is owed; so late can it be at most while the guest keeps accessing.
  private static var pulseSpacing: Int64 { 50_000 }

  /// A model asking for time in the past would otherwise keep the process from sleeping: nanoseconds between two `elapse`.
  private static var elapseSpacing: Int64 { 50_000 }

  init(
    model: consuming Model, rings: consuming RingBackEnd, page: consuming StatePage,
    console: consuming ConsoleDeviceEnd,
    hasConsole: Bool, interrupt: consuming EventCounter, terminal: consuming EventCounter, channel: consuming Channel,
    vcpus: Int, now: Instant, probe: Probe
  ) {
    self.model = model
    self.rings = rings
    self.page = page
    self.console = console
    self.interrupt = interrupt
    self.terminal = terminal
    self.channel = channel
    (self.hasConsole, self.vcpus, self.now, self.probe) = (hasConsole, vcpus, now, probe)
  }

  // MARK: start

  /// A new device's first publication, so that a successor finds a state from the first access on.
  mutating func startCold() { publish(Effects(), bytesOut: 0, bytesIn: 0, vcpu: nil, RingEntry()) }

  /// Finishes what the earlier incarnation published but may not have carried out.
  mutating func takeOver() throws(DeviceFailure) {
    let left = page.backEnd
    console.output.store()
    probe.point()
    console.input.store()
    probe.point()
    wakeTerminal()
    if left.interrupt || model.interruptPending { pulse() }
    try announce(left.machineEvent)
    for vcpu in 0..<vcpus {
      let entry = page.entry(vcpu)
      if rings.answerAgain(vcpu: vcpu, sequence: entry.sequence, reply: entry.reply) { counters.reexecuted &+= 1 }
      probe.point()
    }
    // The model may hold bytes for which there was no room: without this nothing would tell it when there is some.
    outputFull = hasConsole
  }

  // MARK: work

  /// Serves the next access of any ring; false if none waits.
  public mutating func serveNext() throws(DeviceFailure) -> Bool {
    guard let applied = try applyNext() else { return false }
    answer(applied)
    return true
  }

  /// An access that was applied and published, and waits for its answer.
  struct Applied {
    let vcpu: Int
    let entry: RingEntry
  }

  /// Applies the next access of any ring; nil if none waits. It stays pending until `answer`.
  mutating func applyNext() throws(DeviceFailure) -> Applied? {
    let next: PendingAccess?
    do throws(RingFault) { next = try rings.next() } catch { throw .ring(error) }
    guard let next else { return nil }
    var effects = Effects()
    let room = tellRoom(&effects)
    let entry = RingEntry(sequence: next.sequence, reply: apply(next, &effects))
    try finish(effects, room: room, bytesIn: 0, vcpu: next.vcpu, entry)
    return Applied(vcpu: next.vcpu, entry: entry)
  }

  /// Answers what `applyNext` gave.
  mutating func answer(_ applied: Applied) {
    let entry = applied.entry
    if rings.complete(vcpu: applied.vcpu, sequence: entry.sequence, reply: entry.reply) { counters.wakes &+= 1 }
    probe.point()
    counters.accesses &+= 1
  }

  /// A change of the model that no guest asked for: a transaction of its own.
  public mutating func update(_ change: (inout Model) -> Void) throws(DeviceFailure) {
    change(&model)
    try finish(Effects(), room: hasConsole ? console.output.room() : 0, bytesIn: 0, vcpu: nil, RingEntry())
  }

  /// Counts an interrupt that did not go through the pin.
  public mutating func countInterrupt() { counters.interrupts &+= 1 }

  /// Tells the supervisor something that only this kind of device has to tell.
  public borrowing func report<M: Message>(_ message: M) throws(DeviceFailure) {
    do throws(SystemError) { try channel.send(message) } catch { throw .init(error) }
  }

  private mutating func apply(_ pending: PendingAccess, _ effects: inout Effects) -> UInt64 {
    guard let asked = pending.access else {
      counters.refused &+= 1
      return .max
    }
    let access = Access(region: asked.region, offset: asked.offset, size: asked.size)
    guard asked.isWrite else { return model.read(access, at: now, &effects) }
    model.write(access, value: pending.value, at: now, &effects)
    return 0
  }

  /// Moves console bytes and tells the model of room; false if there was nothing to do.
  public mutating func pump() throws(DeviceFailure) -> Bool {
    var worked = false
    if outputFull, console.output.room() > 0 {
      var effects = Effects()
      let room = tellRoom(&effects)
      outputFull = room == 0
      // News without effect need not be remembered: a successor tells them again.
      if !effects.isEmpty { try finish(effects, room: room, bytesIn: 0, vcpu: nil, RingEntry()) }
      worked = true
    }
    let bytes = hasConsole ? min(model.receiveCapacity, console.input.available()) : 0
    guard bytes > 0 else { return worked }
    try receive(bytes)
    return true
  }

  /// Whether `pump` has something to do; cheap enough for a spin loop.
  public borrowing func canPump() -> Bool {
    guard hasConsole else { return false }
    if outputFull, console.output.room() > 0 { return true }
    return model.receiveCapacity > 0 && console.input.available() > 0
  }

  private mutating func receive(_ bytes: Int) throws(DeviceFailure) {
    var buffer = InlineArray<64, UInt8>(repeating: 0)
    let wanted = min(bytes, 64)
    var storage = buffer.mutableSpan
    let count = storage.withUnsafeMutableBufferPointer { slots in
      console.input.peek(into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(slots)[..<wanted]))
    }
    guard count > 0 else { return }
    var effects = Effects()
    let room = tellRoom(&effects)
    model.receive(buffer.span.extracting(first: count).bytes, at: now, &effects)
    try finish(effects, room: room, bytesIn: count, vcpu: nil, RingEntry())
  }

  /// Lets the model act if its deadline has come; false if it has not.
  public mutating func elapse() throws(DeviceFailure) -> Bool {
    guard let deadline, deadline <= now.monotonic else { return false }
    quietUntil = now.monotonic &+ Self.elapseSpacing
    var effects = Effects()
    let room = tellRoom(&effects)
    model.elapse(at: now, &effects)
    try finish(effects, room: room, bytesIn: 0, vcpu: nil, RingEntry())
    return true
  }

  /// Monotonic time of the next `elapse`, nil for never.
  public var deadline: Int64? { model.deadline.map { max($0, quietUntil) } }

  /// The host asks something of the guest.
  public mutating func hostEvent(_ event: HostEvent) throws(DeviceFailure) {
    var effects = Effects()
    let room = tellRoom(&effects)
    model.hostEvent(event, at: now, &effects)
    try finish(effects, room: room, bytesIn: 0, vcpu: nil, RingEntry())
  }

  // MARK: sleep

  /// Says on every ring that this process is about to sleep; false if there is work, and then it must not.
  public borrowing func announceSleep() -> Bool {
    guard rings.announceSleep() else { return false }
    if hasConsole, model.receiveCapacity > 0 { console.input.announceWait() }
    if outputFull { console.output.announceWait() }
    guard canPump() else { return true }
    announceAwake()
    return false
  }

  /// Says on every ring that this process polls again.
  public borrowing func announceAwake() {
    rings.announceAwake()
    console.input.announceAwake()
    console.output.announceAwake()
  }

  /// Counts one sleep.
  public mutating func countSleep() { counters.sleeps &+= 1 }

  // MARK: transaction

  private mutating func tellRoom(_ effects: inout Effects) -> Int {
    guard hasConsole else {
      // A line that nobody listens to takes everything: what is said there is lost, and holds nobody up.
      model.outputRoom(ConsoleSegment.capacity, at: now, &effects)
      return 0
    }
    let room = console.output.room()
    model.outputRoom(room, at: now, &effects)
    return room
  }

  private mutating func finish(
    _ effects: borrowing Effects, room: Int, bytesIn: Int, vcpu: Int?, _ entry: RingEntry
  ) throws(DeviceFailure) {
    let bytesOut = min(effects.outputCount, room)
    place(effects, bytesOut)
    publish(effects, bytesOut: bytesOut, bytesIn: bytesIn, vcpu: vcpu, entry)
    outputFull = hasConsole && room == bytesOut
    release(bytesOut: bytesOut, bytesIn: bytesIn)
    if effects.interrupt { askForPulse() }
    try announce(effects.machine.rawValue)
  }

  private borrowing func place(_ effects: borrowing Effects, _ count: Int) {
    guard count > 0 else { return }
    let bytes = effects.output
    bytes.span.withUnsafeBytes { console.output.place(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    probe.point()
  }

  private mutating func publish(
    _ effects: borrowing Effects, bytesOut: Int, bytesIn: Int, vcpu: Int?, _ entry: RingEntry
  ) {
    var state = page.backEnd
    state.outCount &+= UInt64(bytesOut)
    state.inCount &+= UInt64(bytesIn)
    state.interrupt = effects.interrupt
    state.machineEvent = effects.machine.rawValue
    save()
    probe.point()
    page.publish(state, vcpu: vcpu, entry: entry)
    probe.point()
  }

  private mutating func save() {
    let draft = page.draft()
    var span = draft.mutableBytes
    model.saveChanges(into: &span)
  }

  private mutating func release(bytesOut: Int, bytesIn: Int) {
    guard bytesOut > 0 || bytesIn > 0 else { return }
    if bytesOut > 0 { console.output.commit(bytesOut) }
    probe.point()
    if bytesIn > 0 { console.input.advance(bytesIn) }
    probe.point()
    counters.bytesOut &+= UInt64(bytesOut)
    counters.bytesIn &+= UInt64(bytesIn)
    wakeTerminal()
  }

  private borrowing func wakeTerminal() {
    // Both flags are taken, not the first that is set: else the second would cost a wake for nothing later.
    let reader = console.output.readerWaits()
    let writer = console.input.writerWaits()
    if reader || writer { terminal.signal() }
  }

  private mutating func askForPulse() {
    guard coalescesInterrupts, now.monotonic < interruptDue else { return pulse() }
    owesInterrupt = true
  }

  /// Monotonic time from which an owed interrupt is late.
  var interruptDue: Int64 { lastPulse &+ Self.pulseSpacing }

  /// Sends the owed interrupt, unless its cause has gone meanwhile.
  mutating func payInterrupt() {
    owesInterrupt = false
    if model.interruptPending { pulse() }
  }

  private mutating func pulse() {
    owesInterrupt = false
    lastPulse = now.monotonic
    interrupt.signal()
    counters.interrupts &+= 1
    probe.point()
  }

  /// Tells the supervisor, then takes the event out of the state: a restart much later must not tell it again.
  private mutating func announce(_ event: UInt8) throws(DeviceFailure) {
    guard event != MachineEvent.none.rawValue, MachineEvent(rawValue: event) != nil else { return }
    do throws(SystemError) { try channel.send(MachineEventMessage(event: UInt32(event))) } catch { throw .init(error) }
    probe.point()
    publish(Effects(), bytesOut: 0, bytesIn: 0, vcpu: nil, RingEntry())
  }
}
