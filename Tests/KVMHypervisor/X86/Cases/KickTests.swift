import Glibc
import Hypervisor
import KVMHypervisor
import ProcessSupport
import Synchronization
import System
import Testing
import X86Guest

/// What a guest does while it is kicked.
enum Occupation: CaseIterable, CustomTestStringConvertible {
  case sleeps
  case spins
  case accesses

  var testDescription: String {
    switch self {
    case .sleeps: "HLT with interrupts off"
    case .spins: "a jump to itself"
    case .accesses: "stores outside memory"
    }
  }
}

/// A guest that counts once and then does one thing for ever.
private func guest(_ occupation: Occupation) throws -> X86Machine {
  let guest = try X86Machine()
  var code = X86Code(at: X86Machine.codeAddress)
  code.increment(0x3000)
  let again = code.here
  switch occupation {
  case .sleeps: code.halt()
  case .spins: break
  case .accesses: code.store(1, size: 4, to: 0xc000_0000)
  }
  code.jump(to: again)
  try guest.begin(code)
  return guest
}

/// A thread that kicks: it raises a number before each kick, and waits until the vCPU's thread has seen it after a return.
private final class Kicker: Sendable {
  let asked = Atomic<Int>(0)
  let seen = Atomic<Int>(0)
  let lost = Atomic<Bool>(false)

  func run(_ runner: KVMRunner<KernelCalls>, times: Int, seed: UInt64) {
    var state = seed
    for number in 1...times {
      asked.store(number, ordering: .relaxed)
      runner.kick()
      let end = Clock.monotonic + 5_000_000_000
      while seen.load(ordering: .acquiring) < number {
        guard Clock.monotonic < end else {
          lost.store(true, ordering: .relaxed)
          return
        }
        // The vCPU's thread may have no other CPU to run on.
        sched_yield()
      }
      // Up to some microseconds, so that the next one meets the vCPU elsewhere.
      state = state &* 6_364_136_223_846_793_005 &+ 1
      for _ in 0..<(state >> 54) { spinHint() }
    }
  }

  /// By the vCPU's thread, after each return.
  func look() { seen.store(asked.load(ordering: .relaxed), ordering: .releasing) }
}

@Suite(.needsKVM) struct KickTests {
  @Test(arguments: Occupation.allCases)
  func kickBeforeTheFirstRunEndsItBeforeTheGuestBegins(occupation: Occupation) throws {
    let guest = try guest(occupation)
    let watchdog = try Watchdog()
    defer { watchdog.stop() }

    guest.runner.kick()

    #expect(GuestEvent(guest.runner.run()) == .interrupted)
    #expect(guest.word(0x3000) == 0)
    #expect(!watchdog.bit)
  }

  @Test(arguments: Occupation.allCases)
  func kickBetweenTwoRunsEndsTheNextOneOnly(occupation: Occupation) throws {
    let guest = try guest(occupation)
    let watchdog = try Watchdog()
    defer { watchdog.stop() }
    guest.runner.kick()
    #expect(GuestEvent(guest.runner.run()) == .interrupted)

    guest.runner.kick()
    guest.runner.kick()

    #expect(GuestEvent(guest.runner.run()) == .interrupted)
    #expect(guest.word(0x3000) == 0)
    #expect(!watchdog.bit)
    if occupation == .accesses {
      #expect(GuestEvent(guest.runner.run()) == .write(0xc000_0000, size: 4, 1))
      #expect(guest.word(0x3000) == 1)
    }
  }

  @Test(arguments: [Occupation.sleeps, .spins])
  func kickWhileTheGuestRunsOrSleepsFetchesItBack(occupation: Occupation) throws {
    let guest = try guest(occupation)
    let watchdog = try Watchdog()
    defer { watchdog.stop() }
    let (memory, runner) = (UInt(bitPattern: guest.memory.base), guest.runner)
    let kicker = try Worker {
      guard let word = UnsafeMutablePointer<Atomic<UInt32>>(bitPattern: memory + 0x3000) else { return }
      // The guest has begun.
      while word.pointee.load(ordering: .relaxed) == 0, !watchdog.bit { spinHint() }
      runner.kick()
    }

    #expect(GuestEvent(guest.runner.run()) == .interrupted)
    #expect(kicker.wait())
    #expect(guest.word(0x3000) == 1)
    #expect(!watchdog.bit)
  }

  /// As a secondary CPU before the first one starts it: its run blocks in the kernel, and no guest code runs.
  @Test func kickFetchesBackAVCPUThatWaitsToBeStarted() throws {
    let guest = try X86Machine()
    let second = try guest.machine.makeRunner(id: 1)
    let watchdog = try Watchdog()
    defer { watchdog.stop() }
    second.kick()
    #expect(GuestEvent(second.run()) == .interrupted)

    let kicker = try Worker { second.kick() }

    #expect(GuestEvent(second.run()) == .interrupted)
    #expect(kicker.wait())
    #expect(!watchdog.bit)
  }

  @Test func kickWhileAnAccessIsFinishedEndsTheNextRun() throws {
    let guest = try guest(.accesses)
    #expect(GuestEvent(guest.runner.run()) == .write(0xc000_0000, size: 4, 1))

    guest.runner.kick()
    guest.runner.finishAccess()

    #expect(GuestEvent(guest.runner.run()) == .interrupted)
    #expect(GuestEvent(guest.runner.run()) == .write(0xc000_0000, size: 4, 1))
  }

  @Test(arguments: Occupation.allCases)
  func noneOfManyKicksOfTwoThreadsIsLost(occupation: Occupation) throws {
    let guest = try guest(occupation)
    let kickers = [Kicker(), Kicker()]
    let over = Box(false)
    let runner = guest.runner
    let workers = try kickers.enumerated().map { index, kicker in
      try Worker { kicker.run(runner, times: 300, seed: UInt64(index)) }
    }
    let last = try Worker {
      for worker in workers { _ = worker.wait() }
      over.value = true
      runner.kick()
    }
    let watchdog = try Watchdog(seconds: 30)
    defer { watchdog.stop() }

    var others: [GuestEvent] = []
    while !over.value, !watchdog.bit {
      switch GuestEvent(guest.runner.run()) {
      case .interrupted: for kicker in kickers { kicker.look() }
      case .write(0xc000_0000, _, _): break
      case let event: others.append(event)
      }
      if others.count > 3 { break }
    }

    #expect(last.wait())
    #expect(others == [])
    #expect(!watchdog.bit)
    for kicker in kickers {
      let lost = kicker.lost.load(ordering: .relaxed)
      #expect(!lost)
    }
  }
}
