import DeviceBus
import PCIeModel
import System

/// An eventfd that several hold.
final class Event {
  private let counter: EventCounter
  init() throws(SystemError) { counter = try EventCounter() }
  /// The number, for handing on.
  var raw: Int32 { counter.descriptor.raw }
  func signal() { counter.signal() }
  /// True if it was signalled since the last time.
  func drain() -> Bool { counter.drain() > 0 }
}

/// A function's eventfds, and which of them the VMM has bound to what. They outlive the back-end's sessions.
final class FunctionPort {
  let slot: Int
  private let watch: Watch
  /// One doorbell for each queue.
  private(set) var kicks: [Event] = []
  /// One for each vector that something has used so far.
  private(set) var vectors: [Event?] = []
  /// Signalled by the back-end for a broken ring.
  let error: Event
  /// For rings without a vector: some back-ends want an eventfd whatever comes.
  let spare: Event
  /// Doorbells in force, by queue.
  private var doorbells: [UInt64?] = []
  /// Messages in force, by vector.
  private var messages: [UInt32?] = []
  /// Messages that the VMM refused: not asked for again until the guest writes something else.
  private var refused: [UInt32?] = []
  /// Vectors whose eventfd is watched because it is not bound, as bits.
  private var watched: UInt64 = 0
  private var watchesError = false

  init(_ function: VirtioFunction, vectors count: Int, _ watch: Watch) throws(SystemError) {
    slot = function.slot
    self.watch = watch
    error = try Event()
    spare = try Event()
    for _ in function.queues { kicks.append(try Event()) }
    vectors = [Event?](repeating: nil, count: count)
    doorbells = [UInt64?](repeating: nil, count: function.queues.count)
    messages = [UInt32?](repeating: nil, count: count)
    refused = messages
  }

  deinit {
    if watchesError { watch.remove(error.raw) }
    for (index, event) in vectors.enumerated() where watched & 1 << UInt64(index) != 0 {
      if let event { watch.remove(event.raw) }
    }
  }

  /// The eventfd of a vector that is in use, made at its first use.
  func event(_ vector: Int) throws(SystemError) -> Event {
    if let event = vectors[vector] { return event }
    let event = try Event()
    vectors[vector] = event
    return event
  }

  /// What the VMM must be asked so that its bindings are what `function` says, in order. Taken as done; see `note`.
  func differences(_ function: VirtioFunction) throws(SystemError) -> [BindingRequest] {
    var requests: [BindingRequest] = []
    for queue in 0..<doorbells.count {
      let wanted = function.runs(queue) ? function.doorbell(queue) : nil
      guard wanted != doorbells[queue] else { continue }
      let id = function.firstDoorbell + queue
      doorbells[queue] = wanted
      requests.append(
        wanted.map { .bindDoorbell(id: id, address: $0, descriptor: kicks[queue].raw) } ?? .unbindDoorbell(id: id))
    }
    let used = function.vectorsInUse
    for vector in 0..<messages.count {
      let wanted = used & 1 << UInt64(vector) != 0 ? function.vectors.message(vector) : nil
      if let request = try difference(vector, wanted, id: function.firstMessage + vector) { requests.append(request) }
    }
    return requests
  }

  private func difference(_ vector: Int, _ wanted: UInt32?, id: Int) throws(SystemError) -> BindingRequest? {
    if wanted != refused[vector] { refused[vector] = nil }
    guard wanted != messages[vector], wanted == nil || refused[vector] == nil else { return nil }
    messages[vector] = wanted
    guard let wanted else { return .unbindMessage(id: id) }
    return .bindMessage(id: id, vector: wanted, descriptor: try event(vector).raw)
  }

  /// Takes note of what the VMM refused: a doorbell then comes through the access ring, a message is lost.
  func note(_ request: BindingRequest, _ fault: BindFault, _ function: VirtioFunction) {
    switch request {
    case .bindDoorbell(let id, _, _): doorbells[id - function.firstDoorbell] = nil
    case .bindMessage(let id, let vector, _):
      messages[id - function.firstMessage] = nil
      refused[id - function.firstMessage] = vector
    case .unbindDoorbell, .unbindMessage: break
    }
  }

  /// Watches what is news: vectors that are used, not bound and not pending yet, and broken rings while rings run. A
  /// back-end that signals all the time is heard once.
  func watchEvents(_ function: VirtioFunction) throws(SystemError) {
    let news = function.vectorsInUse & ~function.vectors.pending
    for vector in 0..<messages.count {
      let bit = UInt64(1) << UInt64(vector)
      let wanted = news & bit != 0 && messages[vector] == nil
      guard wanted != (watched & bit != 0) else { continue }
      let event = try event(vector)
      if wanted { watch.add(event.raw, WatchToken(slot, .vector, vector)) } else { watch.remove(event.raw) }
      watched ^= bit
    }
    guard function.runs != watchesError else { return }
    watchesError = function.runs
    guard watchesError else { return watch.remove(error.raw) }
    // What an earlier driver's rings had to say is over.
    _ = error.drain()
    watch.add(error.raw, WatchToken(slot, .error))
  }

  /// Whether vector `index` was signalled while it is not bound; false if it is, for the VMM sees the signal.
  func takeUnbound(_ index: Int) -> Bool {
    guard index < vectors.count, messages[index] == nil else { return false }
    return vectors[index]?.drain() ?? false
  }
}
