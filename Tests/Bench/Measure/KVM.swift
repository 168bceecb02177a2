import DeviceBus
import Foundation
import KVMHypervisor
import System
import X86Guest

/// What leaving and entering a guest costs on the kernel's KVM, on an x86 machine: the part of the hypervisor that all
/// architectures share.
enum KVM {
  /// How often each is measured.
  private static let (exitSamples, signalSamples) = (20_000, 1_000)
  /// So long the other process lets the vCPU sleep before it interrupts it; KVM polls up to 200 µs before a vCPU sleeps.
  private static let pause: Int64 = 1_000_000

  static func measure(_ setup: Setup, _ progress: Progress) throws -> Section {
    if let absence = X86Host.absence {
      let rows = figures.map { Row(figure: $0, atoll: "not measured") }
      return Section(rows: rows, method: "kvm: not measured, because \(absence).")
    }
    progress.show("exits of KVM")
    let handled = try exits { _, _ in 0 }
    let forwarded = try forwardedExits(setup)
    progress.show("doorbells and interrupts of KVM")
    let (doorbells, interrupts) = try signals()
    let rows = zip(figures, [handled, forwarded, doorbells, interrupts]).map { figure, times in
      Row(figure: figure, atoll: text(times))
    }
    return Section(rows: rows, method: method)
  }

  private static let figures = [
    "KVM: load handled in the VMM", "KVM: load forwarded to a process", "KVM: doorbell to a process, asleep",
    "KVM: eventfd of a process to handler",
  ]

  private static func text(_ times: [Double]) -> String {
    let sorted = times.sorted()
    func value(_ share: Double) -> String { Show.microseconds(sorted[Int(Double(sorted.count - 1) * share)]) }
    return "p50 \(value(0.5)), p99 \(value(0.99))"
  }

  /// Nanoseconds from one exit to the next, `answer` in between.
  private static func exits(_ answer: (UInt64, UInt8) -> UInt64?) throws -> [Double] {
    let guest = try X86Machine()
    var code = X86Code(at: X86Machine.codeAddress)
    // One jump in so many loads does not show.
    for _ in 0..<12 { code.load(size: 4, from: 0xc000_0034) }
    code.jump(to: code.origin)
    try guest.begin(code)
    var times: [Double] = []
    times.reserveCapacity(exitSamples)
    var last = Clock.monotonic
    for _ in 0..<exitSamples {
      guard case .mmioRead(let address, let size) = guest.runner.run() else {
        throw BenchFailure("the guest did something else than to load")
      }
      guest.runner.completeRead(answer(address, size) ?? 0)
      let now = Clock.monotonic
      times.append(Double(now - last))
      last = now
    }
    return times
  }

  private static func forwardedExits(_ setup: Setup) throws -> [Double] {
    let device = try RingDevice((setup.programs ?? setup.embedded) + "/atoll-rtc")
    var ring = RingFrontEnd(device.link, vcpu: 0)
    return try exits { ring.read(region: 0, offset: UInt32($0 & 0xff), size: $1) }
  }

  /// Nanoseconds from the guest's store to the process that waits for it, and from that process' signal to the handler.
  private static func signals() throws -> (doorbells: [Double], interrupts: [Double]) {
    let guest = try guestThatRings()
    let (rung, raised) = (try Eventfd(), try Eventfd())
    let file = try MemoryFile.create("times", size: 4096)
    let times = try Mapping.shared(file, size: 4096)
    try guest.machine.setRoutes([.message(gsi: 40, address: 0xfee0_0000, data: UInt32(vector))])
    try guest.machine.bindDoorbell(rung.counter.descriptor.raw, address: UInt64(bell), length: 2, match: nil)
    try guest.machine.bind(raised.counter.descriptor.raw, gsi: 40)
    let peer = try Peer()
    try peer.measure(rung.counter, raised.counter, file, pause: pause, times: signalSamples)
    let clock = try guest.timeStampClock()
    var result: (doorbells: [Double], interrupts: [Double]) = ([], [])
    for _ in 0..<signalSamples {
      guard try guest.runToEnd() == [] else { throw BenchFailure("the guest did something else than to ring") }
      let (seen, signalled) = (times.base.load(as: UInt64.self), times.base.load(fromByteOffset: 8, as: UInt64.self))
      result.doorbells.append(clock.nanoseconds(from: clock.host(guest.longWord(rangAt)), to: seen))
      result.interrupts.append(clock.nanoseconds(from: signalled, to: clock.host(guest.longWord(handledAt))))
    }
    return result
  }

  private final class Eventfd {
    let counter: EventCounter
    init() throws { counter = try EventCounter() }
  }

  private static let (bell, vector): (UInt32, UInt8) = (0xc000_1000, 0x41)
  /// Where the guest leaves its time stamps.
  private static let (rangAt, handledAt): (UInt32, UInt32) = (0x3000, 0x3008)

  /// Notes the time, rings, sleeps until it is interrupted, notes the time first of all, comes out, and again.
  private static func guestThatRings() throws -> X86Machine {
    let guest = try X86Machine()
    var handler = X86Code(at: X86Machine.handlerAddress)
    handler.readTimeStamp()
    handler.storeTimeStamp(to: handledAt)
    handler.endInterrupt()
    handler.returnFromInterrupt()
    guest.load(handler, handles: vector)
    var code = X86Code(at: X86Machine.codeAddress)
    code.enableLocalAPIC()
    let again = code.here
    code.readTimeStamp()
    code.store(1, size: 2, to: bell)
    code.storeTimeStamp(to: rangAt)
    code.enableInterrupts()
    code.halt()
    code.disableInterrupts()
    code.store(0, size: 1, to: X86Machine.end)
    code.jump(to: again)
    try guest.begin(code)
    return guest
  }

  private static var method: String {
    "kvm: an x86 guest in real mode on this host's /dev/kvm\(X86Host.nesting). "
      + "Loads (\(exitSamples) of 4 bytes): from one return of KVM_RUN to the next, by CLOCK_MONOTONIC, so with the guest's "
      + "instruction; forwarded ones go to the RTC's process over its ring, both sides awake. "
      + "Doorbell (\(signalSamples)): from the time stamp counter read right before the guest's store to the one that the "
      + "process reads as poll(2) and read(2) have returned. "
      + "Eventfd (\(signalSamples)): from the counter read right before the process' write(2) to the first instruction of the "
      + "guest's handler, the vCPU having slept in HLT for \(pause / 1_000_000) ms; KVM_IRQFD, by message. "
      + "The counters of guest and host differ by an offset that KVM tells."
  }
}
