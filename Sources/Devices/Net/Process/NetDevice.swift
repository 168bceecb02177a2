import NetModel
import VhostDevice
import Virtqueue

/// A network card (virtio 1.3, 5.1): receive queues 0, 2, …, transmit queues 1, 3, …, and perhaps a control queue.
struct NetDevice<Link: NetLink & ~Copyable>: ~Copyable, VirtioBackEnd {
  static var deviceID: UInt32 { 1 }

  private var link: Link
  private let configuration: NetConfiguration
  private let hasControl: Bool
  private let buffers: UnsafeMutablePointer<ReceiveBuffers>
  private var chain = DescriptorChain()
  private var negotiated: UInt64 = 0
  private var watched = false
  /// Bit i: pair i may have a frame waiting.
  private var waiting: UInt32 = 0

  private static var budget: Int { 64 }

  /// `control`: whether the front-end hands the control queue to the back-end. QEMU answers it itself.
  init(_ link: consuming Link, mac: MACAddress, mtu: UInt16, control: Bool) {
    let pairs = link.pairs
    configuration = NetConfiguration(mac: mac, queuePairs: pairs, mtu: mtu)
    hasControl = control
    buffers = .allocate(capacity: Int(pairs))
    for pair in 0..<Int(pairs) { (buffers + pair).initialize(to: ReceiveBuffers(queue: 2 * pair)) }
    self.link = link
  }

  deinit {
    buffers.deinitialize(count: Int(configuration.queuePairs))
    buffers.deallocate()
  }

  // MARK: what the driver sees

  var queueCount: Int { 2 * Int(configuration.queuePairs) + (hasControl ? 1 : 0) }
  var queueSize: UInt16 { 1024 }
  var features: UInt64 {
    var all = link.features
    if hasControl { all |= NetFeature.control } else { all &= ~NetFeature.guestOffloadControl }
    // Without a control queue of ours the front-end is the one to offer it (QEMU does).
    if configuration.queuePairs > 1 { all |= NetFeature.multiQueue }
    return all
  }
  func config() -> [UInt8] { configuration.bytes }

  mutating func start(features: UInt64) {
    negotiated = features
    waiting = (1 << UInt32(configuration.queuePairs)) - 1
    link.start(features: features)
    // Where the front-end keeps the control queue, it enables the pairs that are used.
    if !hasControl { link.setPairs(configuration.queuePairs) }
  }

  mutating func reset() {
    negotiated = 0
    link.start(features: 0)
  }

  private var merges: Bool { negotiated & NetFeature.mergeableBuffers != 0 }
  /// Without multi-queue the control queue is the third, however many pairs there are (virtio 1.3, 5.1.2).
  private var controlQueue: Int {
    negotiated & NetFeature.multiQueue != 0 ? 2 * Int(configuration.queuePairs) : 2
  }

  // MARK: work

  mutating func serve(_ queue: Int, _ rings: Rings) {
    if !watched {
      watched = true
      link.watch(rings)
    }
    if hasControl, queue == controlQueue { return control(queue, rings) }
    if queue & 1 == 0 { return receive(queue / 2, rings) }
    transmit(queue, rings)
  }

  mutating func ready(_ token: UInt32, _ events: UInt32, _ rings: Rings) { note(link.ready(token), rings) }
  var deadline: Int64? { watched ? link.deadline : nil }
  mutating func elapse(now: Int64, _ rings: Rings) { note(link.elapse(now: now), rings) }

  private mutating func note(_ pairs: UInt32, _ rings: Rings) {
    waiting |= pairs
    for pair in 0..<Int(configuration.queuePairs) where waiting >> UInt32(pair) & 1 != 0 { receive(pair, rings) }
  }

  private mutating func receive(_ pair: Int, _ rings: Rings) {
    guard waiting >> UInt32(pair) & 1 != 0 else { return }
    let merge = merges
    while buffers[pair].refill(rings, merge: merge) {
      guard let count = link.receive(into: buffers[pair].vector, pair: pair) else {
        waiting &= ~(1 << UInt32(pair))
        return
      }
      buffers[pair].deliver(count, rings, merge: merge)
    }
  }

  private mutating func transmit(_ queue: Int, _ rings: Rings) {
    var served = 0
    while served < Self.budget, rings.pop(queue, into: &chain) {
      served += 1
      guard chain.readableBytes > NetHeader.size, chain.writableBytes == 0 else {
        rings.push(queue, chain.token, written: 0)
        return rings.breakRing(queue, "a frame has no header or is writable")
      }
      _ = link.send(chain, pair: queue / 2)
      rings.push(queue, chain.token, written: 0)
    }
    if served > 0 { note(link.settle(), rings) }
  }

  private mutating func control(_ queue: Int, _ rings: Rings) {
    while rings.pop(queue, into: &chain) {
      guard chain.writableBytes >= 1, chain.readableBytes <= NetControl.maximumBytes else {
        rings.push(queue, chain.token, written: 0)
        return rings.breakRing(queue, "a command has no room for its answer or is longer than any")
      }
      var command = [UInt8](repeating: 0, count: chain.readableBytes)
      _ = command.withUnsafeMutableBytes { chain.read(at: 0, into: $0) }
      let answer = obey(command)
      _ = chain.fill(at: 0, count: 1, with: answer)
      rings.push(queue, chain.token, written: 1)
    }
  }

  private mutating func obey(_ bytes: [UInt8]) -> UInt8 {
    let command = NetControl.parse(bytes.span, pairs: configuration.queuePairs, features: negotiated)
    switch command {
    case .queuePairs(let count): link.setPairs(count)
    case .offloads(let features): link.setOffloads(features)
    case .filter: break
    case nil: return NetControl.refused
    }
    return NetControl.acknowledged
  }

  mutating func stop(_ queue: Int, _ rings: Rings) {
    guard queue & 1 == 0, queue < 2 * Int(configuration.queuePairs) else { return }
    buffers[queue / 2].giveBack(rings)
  }
}
