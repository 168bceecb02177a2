import DeviceBus
import DeviceProcess
import PCIeModel
import System
import VhostUser

// The attendant and its back-ends: what the driver wants goes to them, what they say comes back into the model.

extension PCIeAttendant {
  /// Tells the function's back-end, if it is there, what the driver wants.
  mutating func drive<P: StoreProbe>(
    _ slot: Int, _ function: VirtioFunction, _ port: FunctionPort, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) {
    guard let link = links[slot], link.isConnected else { return }
    if function.resetting { link.reset() }
    let reachable: Bool
    do throws(SystemError) { reachable = try link.pursue(function, port) } catch { throw .system(error) }
    if !reachable {
      complaints.say(slot, "the guest put a ring where its device has no memory")
      try core.update { $0.breakDown(slot) }
    }
    try converse(link, &core) { (link) throws(LinkFailure) in try link.pump(now: Clock.monotonic) }
  }

  /// Does something with a back-end, and then what comes of it.
  mutating func converse<P: StoreProbe>(
    _ link: FunctionLink, _ core: inout DeviceCore<PCIeDevice, P>,
    _ body: (FunctionLink) throws(LinkFailure) -> Void
  ) throws(DeviceFailure) {
    do throws(LinkFailure) { try body(link) } catch { return try lose(link, error, &core) }
    while let event = link.session.nextEvent() {
      let failure = try handle(event, link, &core)
      if let failure { return try lose(link, failure, &core) }
    }
    if let fault = link.session.fault { try lose(link, .session(fault), &core) }
  }

  /// The conversation is over; the function waits for the supervisor to attach another back-end.
  mutating func lose<P: StoreProbe>(
    _ link: FunctionLink, _ failure: LinkFailure, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) {
    guard links[link.slot] === link else { return }
    links[link.slot] = nil
    complaints.say(link.slot, "\(failure.sentence)")
    try core.report(
      FunctionState(
        slot: UInt32(link.slot), incarnation: link.incarnation, condition: .fault, text: failure.sentence))
  }

  /// What the session has to tell; why the link must end, if it must.
  private mutating func handle<P: StoreProbe>(
    _ event: FrontEndEvent, _ link: FunctionLink, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) -> LinkFailure? {
    let slot = link.slot
    switch event {
    case .connected: return try connect(link, &core)
    case .ringStarted(let queue): try catchUp(link, queue, &core)
    case .ringStopped(let queue, let base): link.note(base: base, of: queue)
    case .resetDone:
      do throws(LinkFailure) { try link.forget() } catch { return error }
      (link.resetAsked, link.replays) = (false, false)
      try core.update { $0.finishReset(slot) }
    case .configChanged:
      let config = link.session.config
      try core.update { $0.changeConfig(slot, config) }
    case .configRefused: complaints.say(slot, "the back-end refuses what the guest wrote to its configuration")
    case .stateTransfer, .stateChecked: break
    }
    return nil
  }

  /// The handshake is done: the function appears, or goes on.
  private mutating func connect<P: StoreProbe>(
    _ link: FunctionLink, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) -> LinkFailure? {
    let slot = link.slot
    let offer = link.offer
    if let index = core.model.index(of: slot) {
      link.replays = core.model.functions[index].status & DeviceStatus.driverOK != 0
    }
    var refusal: OfferError?
    try core.update { model in
      do throws(OfferError) { try model.connect(slot, offer) } catch { refusal = error }
    }
    if let refusal { return .offer(refusal) }
    link.isConnected = true
    try core.report(FunctionState(slot: UInt32(slot), incarnation: link.incarnation, condition: .connected))
    return nil
  }

  /// A ring runs: back-ends that wait for a first kick get it. After a restart of either side, an interrupt may have been lost
  /// between the old eventfds and the new, and a doorbell too.
  private mutating func catchUp<P: StoreProbe>(
    _ link: FunctionLink, _ queue: Int, _ core: inout DeviceCore<PCIeDevice, P>
  ) throws(DeviceFailure) {
    guard let port = ports[link.slot], let index = core.model.index(of: link.slot), queue < port.kicks.count else {
      return
    }
    port.kicks[queue].signal()
    let vector = core.model.functions[index].queues[queue].vector
    guard link.replays, vector != Queue.noVector else { return }
    let slot = link.slot
    try core.update { $0.fire(slot, vector: Int(vector)) }
  }
}
