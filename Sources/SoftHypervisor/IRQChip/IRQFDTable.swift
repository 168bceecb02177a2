import CSystem
import Hypervisor
import Synchronization
import System

/// What an eventfd is bound to.
enum InterruptSource: Equatable {
  /// PCH-PIC pin 0–63: each signal is `setPin(pin, level: true)`.
  case pin(UInt32)
  /// EIOINTC vector 0–255: each signal is `signalMSI(vector)`.
  case msi(UInt32)

  fileprivate var isValid: Bool {
    switch self {
    case .pin(let pin): pin < UInt32(PCHPIC.pins)
    case .msi(let vector): vector < UInt32(EIOINTC.vectors)
    }
  }

  fileprivate var number: UInt32 {
    switch self {
    case .pin(let number), .msi(let number): number
    }
  }
}

/// Eventfds bound to pins and MSI vectors, with the rules of KVM_IRQFD (reference A.7): one binding an eventfd, several
/// eventfds a pin, signals that come close together are one, and one that is already readable when bound injects once.
///
/// One thread sleeps in epoll and injects. It never reads an eventfd: edge-triggered epoll reports each signal without
/// that, which spares a system call an interrupt and leaves a device no way to block the thread. So a binding that ends
/// leaves the count behind, and the same eventfd bound again injects once more than KVM would; edge drivers do not mind.
final class IRQFDTable: Sendable {
  private let shared: SharedTable

  /// Starts the thread; it ends with this table.
  init(_ irqchip: IRQChip) throws(SystemError) {
    let shared = try SharedTable(irqchip)
    try Thread.start(stack: 64 << 10) { shared.run() }
    self.shared = shared
  }

  deinit { shared.stop.signal() }

  /// Binds a borrowed eventfd until `unbind`. Throws `badBinding` for a source that does not exist, an eventfd that is
  /// bound already or is none, `noRoom` when 256 are bound.
  func bind(_ eventfd: Int32, to source: InterruptSource) throws(HypervisorError) {
    try shared.bind(eventfd, to: source)
  }

  /// Returns once every signal that came before the call has been injected.
  func settle() { shared.settle() }

  /// Ends a binding; nothing is injected and the descriptor is not touched after the return. No such binding: nothing.
  func unbind(_ eventfd: Int32, from source: InterruptSource) { shared.unbind(eventfd, from: source) }
}

/// What the table and its thread share; the thread keeps it alive.
private final class SharedTable: @unchecked Sendable {
  struct Binding {
    var eventfd: Int32
    var source: InterruptSource
    /// Told apart from the slot's earlier bindings, whose reports may still be on their way.
    var generation: UInt32
  }

  static let capacity = 256
  private static let stopToken = UInt.max
  private static let barrierToken = UInt.max - 1
  /// Events that one look at the epoll takes.
  private static let batch = 32

  let stop: EventCounter
  /// Signalled by `settle`.
  private let barrier: EventCounter
  /// Barriers that the thread has passed; `gone` once it has ended. Raw memory because a futex needs a stable address.
  private let passed: UnsafeMutablePointer<Atomic<UInt32>>
  private static let gone = UInt32.max
  private let epoll: FileDescriptor
  private let irqchip: IRQChip
  private let lock = Lock()
  private var slots: [Binding?]
  private var generation: UInt32 = 0

  init(_ irqchip: IRQChip) throws(SystemError) {
    self.irqchip = irqchip
    stop = try EventCounter()
    barrier = try EventCounter()
    passed = .allocate(capacity: 1)
    passed.initialize(to: Atomic(0))
    epoll = FileDescriptor(owning: try SystemError.check("epoll_create", atoll_epoll_create()))
    slots = Array(repeating: nil, count: Self.capacity)
    _ = try SystemError.check("epoll_ctl", atoll_epoll_add(epoll.raw, stop.descriptor.raw, Self.stopToken))
    _ = try SystemError.check(
      "epoll_ctl", atoll_epoll_add_edge(epoll.raw, barrier.descriptor.raw, Self.barrierToken))
  }

  deinit {
    passed.deinitialize(count: 1)
    passed.deallocate()
  }

  func bind(_ eventfd: Int32, to source: InterruptSource) throws(HypervisorError) {
    guard source.isValid, eventfd >= 0 else { throw .badBinding(UInt64(source.number)) }
    lock.lock()
    defer { lock.unlock() }
    guard let slot = slots.firstIndex(where: { $0 == nil }) else { throw .noRoom }
    generation &+= 1
    slots[slot] = Binding(eventfd: eventfd, source: source, generation: generation)
    let result = atoll_epoll_add_edge(epoll.raw, eventfd, UInt(slot) | UInt(generation) << 32)
    guard result < 0 else { return }
    slots[slot] = nil
    if -result == Errno.exists { throw .badBinding(UInt64(source.number)) }
    throw .system(SystemError("binding of an eventfd", -result))
  }

  func unbind(_ eventfd: Int32, from source: InterruptSource) {
    lock.lock()
    defer { lock.unlock() }
    for slot in 0..<Self.capacity {
      guard let binding = slots[slot], binding.eventfd == eventfd, binding.source == source else { continue }
      _ = atoll_epoll_remove(epoll.raw, eventfd)
      slots[slot] = nil
    }
  }

  /// Waits until the thread has injected what was signalled before. For one caller at a time.
  func settle() {
    let before = passed.pointee.load(ordering: .acquiring)
    guard before != Self.gone else { return }
    barrier.signal()
    while passed.pointee.load(ordering: .acquiring) == before {
      Futex.wait(passed, expected: before, nanoseconds: nil)
    }
  }

  /// The thread: until `stop` is signalled.
  func run() {
    defer { pass(Self.gone) }
    var tokens = InlineArray<32, UInt>(repeating: 0)
    while true {
      switch look(&tokens, timeout: -1) {
      case .stop: return
      case .signals: break
      case .barrier:
        // Ready descriptors queue up, each once: after as many looks as all of them fill, none from before is left.
        for _ in 0...Self.capacity / Self.batch { _ = look(&tokens, timeout: 0) }
        pass(passed.pointee.load(ordering: .relaxed) &+ 1)
      }
    }
  }

  private func pass(_ count: UInt32) {
    passed.pointee.store(count, ordering: .releasing)
    Futex.wake(passed)
  }

  private enum Found {
    case stop, signals, barrier
  }

  /// Injects what is ready.
  private func look(_ tokens: inout InlineArray<32, UInt>, timeout: Int) -> Found {
    var span = tokens.mutableSpan
    let ready = span.withUnsafeMutableBufferPointer {
      atoll_epoll_wait(epoll.raw, $0.baseAddress, Int32($0.count), timeout)
    }
    // Nothing but a programming error makes epoll_wait fail; to spin on it would help nobody.
    guard ready >= 0 else {
      Log.line("irqfd: \(Errno.text(-ready)); interrupts are lost")
      return .stop
    }
    var found = Found.signals
    for index in 0..<Int(ready) {
      switch tokens[index] {
      case Self.stopToken: return .stop
      case Self.barrierToken: found = .barrier
      case let token: inject(token)
      }
    }
    return found
  }

  /// With the lock held throughout, so that `unbind` is a clean cut.
  private func inject(_ token: UInt) {
    lock.lock()
    defer { lock.unlock() }
    let slot = Int(token & 0xffff_ffff)
    guard slot < Self.capacity, let binding = slots[slot], UInt(binding.generation) == token >> 32 else { return }
    switch binding.source {
    case .pin(let pin): irqchip.setPin(Int(pin), level: true)
    case .msi(let vector): irqchip.signalMSI(vector)
    }
  }
}
