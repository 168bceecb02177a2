import CSystem
import Control
import DeviceBus
import Machine
import Sandbox
import System

// Starting processes and handing them what they work on.
extension Supervisor {
  /// Starts every process that is not running: all of them at first, all but the terminal after a reset.
  func start() throws(Ending) {
    phase = .starting
    boot = nil
    for child in children where child.current == nil { try spawn(child) }
    try sendMachine()
    for child in children { try introduce(child) }
    // Back-ends that somebody else runs.
    for function in functions where function.isForeignSocket { try join(function) }
  }

  /// Starts the next incarnation of a child that died, and gives it what its predecessor had.
  func restart(_ child: Child) throws(Ending) {
    child.restartAt = nil
    child.restarts += 1
    try spawn(child)
    try introduce(child)
    note("\(child.role.name) was started again as process \(child.current?.process.pid ?? 0)")
  }

  private func spawn(_ child: Child) throws(Ending) {
    let now = Clock.monotonic
    let ends: (Int32, Int32)
    var pipe: (Int32, Int32) = (-1, -1)
    do {
      ends = try MessageSocket.pair()
      let made = withUnsafeMutablePointer(to: &pipe) {
        $0.withMemoryRebound(to: Int32.self, capacity: 2) { atoll_pipe($0) }
      }
      _ = try SystemError.check("pipe", made)
    } catch { throw Ending(host: "making a socket for a process", error) }
    let mine = FileDescriptor(owning: ends.0)
    let theirs = FileDescriptor(owning: ends.1)
    let log = FileDescriptor(owning: pipe.0)
    let logEnd = FileDescriptor(owning: pipe.1)
    // A full log loses lines rather than hold its writer up.
    _ = atoll_set_nonblocking(log.raw, 1)
    _ = atoll_set_nonblocking(logEnd.raw, 1)
    child.incarnation += 1
    let process = try launch(child, socket: theirs.raw, log: logEnd.raw)
    let current = Incarnation(process: process, channel: Channel(owning: mine), log: log, at: now)
    // A program that is not Atoll's knows nothing of set-up sockets.
    current.channelClosed = child.role.backEnd?.foreign != nil
    child.current = current
    child.state = .starting
    (child.restartAt, child.complaint, child.accusation) = (nil, nil, nil)
  }

  private func launch(_ child: Child, socket: Int32, log: Int32) throws(Ending) -> SpawnedProcess {
    var descriptors = [
      InheritedDescriptor(log, as: StandardDescriptor.log), InheritedDescriptor(socket, as: StandardDescriptor.setUp),
    ]
    if case .terminal = child.role { descriptors += [InheritedDescriptor(0, as: 0), InheritedDescriptor(1, as: 1)] }
    if let backEnd = child.role.backEnd { return try launch(backEnd, child, descriptors) }
    let spec = SpawnSpec(name: child.role.program ?? "", profile: profile(child), descriptors: descriptors)
    do { return try sandbox.spawn(child.program.file, spec) } catch { throw Ending(error) }
  }

  /// What confines a child: a VMM that has /dev/kvm may ask more of the kernel.
  func profile(_ child: Child) -> Profile {
    if case .vmm = child.role, kvm.demand != .soft { return .vmmOnKVM }
    return child.role.profile
  }

  /// Sends a message without waiting; a peer that cannot take it is ended, and its death tells the rest.
  func send<M: Message>(_ message: M, to child: Child?, _ descriptors: [Int32] = [], filtered: Bool = false)
    throws(Ending)
  {
    guard let child, let current = child.current else { return }
    do {
      guard filtered, let filter = try sandbox.phaseTwoProgram(profile(child)) else {
        return post(message, current, descriptors, nil)
      }
      post(message, current, descriptors, filter.raw)
    } catch { throw Ending(error) }
  }

  private func post<M: Message>(_ message: M, _ to: Incarnation, _ descriptors: [Int32], _ filter: Int32?) {
    do { try to.channel.send(message, descriptors: descriptors, filter: filter, wait: false) } catch {
      to.process.kill()
    }
  }

  // MARK: first messages

  private func sendMachine() throws(Ending) {
    let setup = MachineSetup(
      vcpus: UInt32(machine.vcpus), ramBytes: machine.memory, romBytes: files.firmware?.romBytes ?? 0,
      hypervisor: kvm.demand)
    let rom = files.firmware.map { [$0.rom.raw] } ?? []
    try send(setup, to: vmm, [memory.ram.raw] + rom + kvm.descriptors, filtered: true)
  }

  /// The first message to a process, and for a device also its introduction to the VMM.
  private func introduce(_ child: Child) throws(Ending) {
    guard child.state == .starting else { return }
    switch child.role {
    case .vmm: break
    case .loader: try sendLoad(child)
    case .terminal: try send(AttachConsole(), to: child, console.descriptors, filtered: true)
    case .device(.pcie): try attachHost(child)
    case .device(let kind): try attach(child, kind)
    case .backEnd(let backEnd): try join(functions[backEnd.index])
    }
    child.current?.isIntroduced = true
  }

  private func sendLoad(_ loader: Child) throws(Ending) {
    let load = Load(
      ramBytes: machine.memory, vcpus: UInt32(machine.vcpus),
      tables: machine.tables == .acpi ? .acpi : .deviceTree, hasInitrd: files.hasInitrd,
      commandLine: Array(machine.commandLine.utf8))
    guard let kernel = try files.reopenKernel() else {
      let prepare = LoadFirmware(ramBytes: machine.memory, vcpus: UInt32(machine.vcpus))
      return try send(prepare, to: loader, [memory.ram.raw], filtered: true)
    }
    guard let initrd = try files.reopenInitrd() else {
      return try send(load, to: loader, [memory.ram.raw, kernel.raw], filtered: true)
    }
    try send(load, to: loader, [memory.ram.raw, kernel.raw, initrd.raw], filtered: true)
  }

  /// Fresh eventfds for each incarnation: a dead one's can no longer raise an interrupt.
  private func attach(_ child: Child, _ kind: DeviceKind) throws(Ending) {
    let wake = try event()
    let interrupt = try event()
    let shared = memory.devices[Int(kind.rawValue)]
    let index = UInt32(kind.rawValue)
    let content = files.firmware?.content(of: kind)
    let message = Attach(
      deviceIndex: index, vcpus: UInt32(machine.vcpus), incarnation: child.incarnation, resume: child.incarnation > 1,
      console: hasTerminal(child), content: content != nil)
    let events = [wake.descriptor.raw, interrupt.descriptor.raw]
    let own = [shared.rings.raw, shared.state.raw] + events + (hasTerminal(child) ? console.descriptors : [])
    try send(message, to: child, own + (content.map { [$0] } ?? []), filtered: true)
    try send(introduction(child, kind), to: vmm, [shared.rings.raw] + events)
  }

  /// Whether the machine's terminal is at this device.
  func hasTerminal(_ child: Child) -> Bool {
    switch child.role {
    case .device(.serial): return !machine.terminalIsVirtio
    case .backEnd(let backEnd):
      if case .console(true) = backEnd.description.kind { return true }
      return false
    default: return false
    }
  }

  func event() throws(Ending) -> EventCounter {
    do { return try EventCounter() } catch { throw Ending(host: "making an eventfd", error) }
  }

  func introduction(_ child: Child, _ kind: DeviceKind) -> AttachDevice {
    let device = MachineMap.device(kind)
    let regions = device.regions.map { RegionWindow(guestAddress: $0.address, size: $0.size, posted: $0.posted) }
    guard let pin = device.pin else {
      return AttachDevice(
        deviceIndex: UInt32(kind.rawValue), incarnation: child.incarnation, regions: regions,
        vectors: InterruptVectors.messageSignalled)
    }
    return AttachDevice(
      deviceIndex: UInt32(kind.rawValue), incarnation: child.incarnation, pin: pin, regions: regions)
  }
}
