import CSystem
import DeviceBus
import PCIeModel
import System
import VhostUser

/// Why a function's link to its back-end ended.
enum LinkFailure: Error {
  /// The socket, either of them.
  case connection(VhostConnectionError)
  /// What the back-end said.
  case session(FrontEndFault)
  /// What it offers.
  case offer(OfferError)
  /// The host refused.
  case system(SystemError)

  var sentence: String {
    switch self {
    case .connection(let error): error.sentence
    case .session(let fault): fault.sentence
    case .offer(let error): error.sentence.text
    case .system(let error): error.sentence
    }
  }
}

/// One conversation with one incarnation of a back-end: two sockets and the session between them and the model.
final class FunctionLink {
  let slot: Int
  /// Of the back-end's process.
  let incarnation: UInt32
  let deviceID: UInt32
  let files: GuestFiles
  private let watch: Watch
  private var connection: VhostConnection
  /// Our end of the back-end's own channel, and the end that it gets.
  private var channel: VhostConnection
  private let channelPeer: FileDescriptor
  /// What is to be reached, what is in force, what comes next.
  var session: FrontEndSession
  /// Where rings have stopped in this session, by queue.
  private var bases = [UInt32?](repeating: nil, count: PCIeLimits.queues)
  /// The model has the back-end's offer.
  var isConnected = false
  /// The driver's rings ran before this session: what they may have missed is signalled once they run again.
  var replays = false
  /// `session.reset` was called for the model's present reset.
  var resetAsked = false
  /// The cache mode that the back-end was told.
  var cacheMode: UInt8?
  private var pollsOutput = false
  private var channelPollsOutput = false

  /// Messages that one back-end can make this process read before others have their turn.
  private static let batch = 64

  /// Takes over the socket; the first message goes out with `pump`.
  init(
    _ message: AttachFunction, socket: consuming FileDescriptor, files: GuestFiles, watch: Watch, patience: Int64
  ) throws(SystemError) {
    let ends = try StreamSocket.pair()
    (slot, incarnation, deviceID) = (Int(message.slot), message.incarnation, message.deviceID)
    (self.files, self.watch) = (files, watch)
    connection = VhostConnection(owning: socket)
    channel = VhostConnection(owning: FileDescriptor(owning: ends.0))
    channelPeer = FileDescriptor(owning: ends.1)
    var setup = FrontEndSetup(regions: files.table, memory: files.memory)
    setup.backEndChannel = ends.1
    setup.inflight = files.inflight.raw
    setup.inflightBytes = UInt64(BusLimits.inflightBytes)
    setup.queues = Int(message.queues)
    setup.ringSize = PCIeLimits.queueSize
    setup.configBytes = FrontEndSetup.configBytes(deviceID: message.deviceID)
    setup.config = message.config
    setup.offersPacked = message.packed
    setup.patience = patience
    session = FrontEndSession(setup)
    watch.add(connection.raw, WatchToken(slot, .socket))
    watch.add(channel.raw, WatchToken(slot, .channel))
  }

  deinit {
    watch.remove(connection.raw)
    watch.remove(channel.raw)
  }

  // MARK: What the back-end offers

  /// For the model, once the session is connected.
  var offer: BackEndOffer {
    var features = session.features
    // Without the in-flight log nobody knows where a packed ring goes on after a restart.
    if !session.protocolFeatures.contains(.inflightMemory) { features &= ~RingFeature.packedRing }
    return BackEndOffer(
      deviceID: deviceID, features: features | frontEndFeatures, queues: session.queueCount, config: session.config)
  }

  /// Features that need nothing of the back-end: a network device without configuration of its own has the address that
  /// it is given (VIRTIO_NET_F_MAC).
  private var frontEndFeatures: UInt64 {
    deviceID == 1 && !session.protocolFeatures.contains(.config) && session.config.count >= 6 ? 1 << 5 : 0
  }

  // MARK: What the driver wants

  /// Tells the session what `function` wants. False if a ring does not lie in memory that the back-end has.
  func pursue(_ function: VirtioFunction, _ port: FunctionPort) throws(SystemError) -> Bool {
    guard session.isConnected, !function.resetting else { return true }
    resetAsked = false
    var goal = DeviceGoal()
    if function.status & DeviceStatus.driverOK != 0 {
      goal.status = function.status & 0x0f
      goal.features = function.negotiated & session.features
    }
    for (index, queue) in function.queues.enumerated() {
      let runs = function.runs(index)
      guard !runs || lies(queue, packed: function.isPacked) else { return false }
      goal.rings.append(runs ? try ring(index, queue, packed: function.isPacked, port) : nil)
    }
    session.pursue(goal)
    passOn(function.cacheMode)
    return true
  }

  /// What the driver of a disk wrote to its configuration (virtio 1.3, 5.2.4: writeback is byte 32).
  private func passOn(_ mode: UInt8?) {
    guard let mode, mode != cacheMode else { return }
    cacheMode = mode
    session.write(config: [mode], at: 32)
  }

  /// The driver has reset the device: rings stop, the back-end forgets.
  func reset() {
    guard session.isConnected, !resetAsked else { return }
    resetAsked = true
    cacheMode = nil
    session.reset()
  }

  /// The back-end's side of a reset is done: the next driver starts from nothing.
  func forget() throws(LinkFailure) {
    for index in 0..<bases.count { bases[index] = nil }
    do throws(SystemError) {
      try files.clearInflight(queues: session.queueCount, ringSize: PCIeLimits.queueSize)
    } catch {
      throw .system(error)
    }
  }

  /// Ring areas by virtio 1.3, 2.7 and 2.8: split 16 · n, 6 + 2 · n and 6 + 8 · n bytes; packed 16 · n, 4 and 4.
  private func lies(_ queue: Queue, packed: Bool) -> Bool {
    let size = Int(queue.size)
    return files.holds(queue.descriptors, 16 * size) && files.holds(queue.driver, packed ? 4 : 6 + 2 * size)
      && files.holds(queue.device, packed ? 4 : 6 + 8 * size)
  }

  private func ring(_ index: Int, _ queue: Queue, packed: Bool, _ port: FunctionPort) throws(SystemError) -> RingGoal {
    let call = queue.vector == Queue.noVector ? port.spare : try port.event(Int(queue.vector))
    var ring = RingGoal(
      size: queue.size, descriptors: queue.descriptors, available: queue.driver, used: queue.device, base: 0,
      kick: port.kicks[index].raw, call: call.raw, error: port.error.raw)
    if let base = presentBase(index, ring) {
      ring.base = base
    } else if packed {
      // After a restart the in-flight log knows better, and this is ignored.
      ring.base = bases[index] ?? RingGoal.freshPackedBase
    } else {
      // All of a split ring's requests that are not in the in-flight log, if there is one, have been used.
      ring.base = UInt32(files.usedIndex(ring: queue.device))
    }
    return ring
  }

  /// The base of a ring that is wanted already, just so: it has moved on since.
  private func presentBase(_ index: Int, _ ring: RingGoal) -> UInt32? {
    guard index < session.goal.rings.count, var present = session.goal.rings[index] else { return nil }
    let base = present.base
    (present.base, present.call) = (ring.base, ring.call)
    return present == ring ? base : nil
  }

  /// A ring has stopped.
  func note(base: UInt32, of queue: Int) { bases[queue] = base }

  // MARK: Messages

  /// Sends all that is due and the sockets take.
  func pump(now: Int64) throws(LinkFailure) {
    do throws(VhostConnectionError) {
      try connection.flush()
      while let message = session.next(now: now) { try connection.send(message) }
      try channel.flush()
    } catch {
      throw .connection(error)
    }
    pollsOutput = follow(connection.raw, .socket, wants: connection.wantsOutput, polls: pollsOutput)
    channelPollsOutput = follow(channel.raw, .channel, wants: channel.wantsOutput, polls: channelPollsOutput)
  }

  private func follow(_ descriptor: Int32, _ kind: WatchToken.Kind, wants: Bool, polls: Bool) -> Bool {
    if wants != polls {
      watch.change(descriptor, WatchToken(slot, kind), events: Watch.input | (wants ? Watch.output : 0))
    }
    return wants
  }

  /// Reads answers.
  func readSocket(now: Int64) throws(LinkFailure) {
    for _ in 0..<Self.batch {
      guard let message = try FunctionLink.receive(&connection) else { return }
      do throws(FrontEndFault) { try session.receive(message) } catch { throw .session(error) }
      // The next request goes out before the next answer is looked for.
      try pump(now: now)
    }
  }

  /// Reads the back-end's own requests.
  func readChannel(now: Int64) throws(LinkFailure) {
    for _ in 0..<Self.batch {
      guard let message = try FunctionLink.receive(&channel) else { return }
      let answer: VhostOutgoing?
      do throws(FrontEndFault) { answer = try session.receive(onChannel: message) } catch { throw .session(error) }
      do throws(VhostConnectionError) { if let answer { try channel.send(answer) } } catch { throw .connection(error) }
    }
  }

  private static func receive(_ connection: inout VhostConnection) throws(LinkFailure) -> VhostIncoming? {
    do throws(VhostConnectionError) { return try connection.receive() } catch { throw .connection(error) }
  }

  /// Time passes.
  func elapse(now: Int64) throws(LinkFailure) {
    do throws(FrontEndFault) { try session.elapse(now: now) } catch { throw .session(error) }
  }
}
