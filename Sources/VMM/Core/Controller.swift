import DeviceBus
import Hypervisor
import Synchronization
import System

/// The control thread: the supervisor's messages in, faults and reports out. It sleeps unless one of them comes.
final class Controller<H: Hypervisor> {
  private let channel: Channel
  private let machine: VirtualMachine<H>
  /// Signalled by device links that saw their device break the ring's rules.
  private let faults: EventCounter
  /// Signalled when all vCPUs have come to stand, and when one fails.
  private let arrival: EventCounter
  private var pausing = false
  private var failureTold = false

  init(
    _ channel: consuming Channel, _ machine: VirtualMachine<H>, faults: consuming EventCounter,
    arrival: consuming EventCounter
  ) {
    self.channel = channel
    self.machine = machine
    self.faults = faults
    self.arrival = arrival
  }

  /// Says that the machine is ready, then serves until the supervisor says stop or is gone.
  func serve(_ ready: MachineReady = MachineReady()) throws(VMMError) {
    try send(ready)
    while true {
      let backChannels = (0..<BusLimits.devices).filter { machine.devices[$0]?.backChannel != nil }
      let ready = try wait(backChannels)
      for (index, events) in zip(backChannels, ready.dropFirst(3)) where events != 0 { serveBackChannel(of: index) }
      if ready[1] != 0 { try reportFaults() }
      if ready[2] != 0 { try vcpusStand() }
      if ready[0] != 0, try !handleMessage() { return }
    }
  }

  /// The ready events of the supervisor's socket, `faults`, `arrival`, and the back-channels of the devices `indexes`.
  private func wait(_ indexes: [Int]) throws(VMMError) -> [Int16] {
    var entries: [(descriptor: Int32, events: Int16)] = [
      (channel.raw, Poll.input), (faults.descriptor.raw, Poll.input), (arrival.descriptor.raw, Poll.input),
    ]
    for index in indexes { entries.append(machine.devices[index]?.backChannel?.interest ?? (-1, Poll.input)) }
    do throws(SystemError) { return try Poll.wait(entries) } catch { throw .system(error) }
  }

  /// One request at most, so that a device which floods its channel cannot keep the supervisor from being heard.
  private func serveBackChannel(of index: Int) {
    guard let device = machine.devices[index] else { return }
    do throws(ChannelError) {
      let served = try device.backChannel?.serve(machine.hypervisor) ?? false
      if served { machine.bindings.wrappingAdd(1, ordering: .relaxed) }
    } catch {
      // A device that has gone is the supervisor's business, which hears of it by itself.
      if case .closed = error { return }
      Log.line("atoll-vmm: device \(index) on its back-channel: \(error.sentence)")
      device.link.report(.brokenBackChannel)
    }
  }

  /// False when the machine ends.
  private func handleMessage() throws(VMMError) -> Bool {
    do throws(ChannelError) {
      guard var message = try channel.receive(wait: false) else { return true }
      return try handle(&message)
    } catch {
      // Without a supervisor nobody may restart a device or stop us: the machine ends with it.
      if case .closed = error { return false }
      throw .channel(error)
    }
  }

  private func handle(_ message: inout Incoming) throws(ChannelError) -> Bool {
    do throws(MessageError) {
      return try dispatch(&message)
    } catch {
      throw .malformed(error)
    }
  }

  private func dispatch(_ message: inout Incoming) throws(MessageError) -> Bool {
    switch message.request {
    case .attachDevice:
      let attach: AttachDevice = try message.decode()
      let ring = try message.take(0)
      let wake = try message.take(1)
      let interrupt = try message.take(2)
      complain(about: attach, ring: ring, wake: wake, interrupt: interrupt)
    case .detachDevice: device(try message.decode(DetachDevice.self).deviceIndex)?.link.detach()
    case .abandonDevice: machine.abandon(Int(try message.decode(AbandonDevice.self).deviceIndex))
    case .boot: start(try message.decode(Boot.self).entry)
    case .run:
      pausing = false
      machine.gate.openGate()
    case .pause: pause()
    case .queryMachineCounters: tell(machine.counters)
    case .stop: return false
    default: throw .unexpectedRequest(message.request.rawValue)
    }
    return true
  }

  private func device(_ index: UInt32) -> AttachedDevice? { machine.devices[Int(index)] }

  /// Attaches; a refusal is the supervisor's mistake and ends this process with a sentence.
  private func complain(
    about attach: AttachDevice, ring: borrowing FileDescriptor, wake: consuming FileDescriptor,
    interrupt: consuming FileDescriptor
  ) {
    do throws(VMMError) {
      let control: FileDescriptor
      do throws(SystemError) { control = try faults.descriptor.duplicate() } catch { throw .system(error) }
      try machine.attach(attach, ring: ring, wake: wake, interrupt: interrupt, control: control)
    } catch {
      giveUp(error)
    }
  }

  private func start(_ entry: BootEntry) {
    do throws(VMMError) { try machine.boot(entry) } catch { giveUp(error) }
  }

  private func giveUp(_ error: VMMError) {
    Log.line("atoll-vmm: \(error.sentence)")
    Process.exit(1)
  }

  private func pause() {
    pausing = true
    machine.gate.closeGate()
    machine.kickAll()
    // They may stand already, in which case none of them will say so.
    if machine.gate.allStanding { arrival.signal() }
  }

  private func vcpusStand() throws(VMMError) {
    arrival.drain()
    if !failureTold, let report = machine.failureReport {
      failureTold = true
      try send(VCPUFailed(report: report))
    }
    guard pausing, machine.gate.allStanding else { return }
    pausing = false
    try send(Paused(report: machine.report(0, code: 0)))
  }

  private func reportFaults() throws(VMMError) {
    faults.drain()
    for index in 0..<BusLimits.devices {
      guard let fault = machine.devices[index]?.link.takeFault() else { continue }
      machine.deviceMessages.wrappingAdd(1, ordering: .relaxed)
      try send(DeviceFault(deviceIndex: UInt32(index), code: fault.rawValue))
    }
  }

  private func tell(_ counters: MachineCounters) {
    do throws(VMMError) { try send(counters) } catch { giveUp(error) }
  }

  private func send<M: Message>(_ message: M) throws(VMMError) {
    do throws(SystemError) { try channel.send(message) } catch { throw .system(error) }
  }
}
