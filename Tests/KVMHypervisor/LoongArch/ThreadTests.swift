import Glibc
import Hypervisor
import KVMHypervisor
import KVMKernelModel
import Synchronization
import Testing

/// A thread of the test's, which runs one closure.
private final class TestThread: @unchecked Sendable {
  private var handle = pthread_t()
  private let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) {
    self.body = body
    let context = Unmanaged.passRetained(self).toOpaque()
    pthread_create(
      &handle, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<TestThread>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, context)
  }

  func join() { pthread_join(handle, nil) }
}

@Suite struct KVMThreadTests {
  @Test func aKickEndsARunningGuest() throws {
    let machine = try TestMachine()
    machine.model.instructionLimit = .max
    machine.memory.place(GuestProgram { $0.branch(to: 0) }, at: 0x1000)
    machine.start(0, at: 0x1000)
    let cpu = machine.cpus[0]
    let seen = Mutex<SeenExit?>(nil)
    let thread = TestThread { seen.withLock { $0 = SeenExit(cpu.run()) } }
    while machine.model.requests.last?.request != 0xae80, !machine.model.isRunning(vcpu: 0) { sched_yield() }

    cpu.kick()
    thread.join()

    #expect(seen.withLock { $0 } == .interrupted)
  }

  @Test func aThreadThatNobodyCouldCallBackDoesNotRunTheGuest() throws {
    let model = KernelModel()
    let calls = AlteredCalls(model) { _ in .pass }
    calls.threadError = 22
    let machine = try TestMachine(model, calls: calls)

    #expect(machine.run() == .failed)
    #expect(!model.requests.contains { $0.request == 0xae80 })
  }

  @Test func anIdleGuestWakesForAnInterruptOfAnotherThread() throws {
    let machine = try TestMachine()
    machine.model.waitsWhenIdle = true
    InterruptGuest.place(in: machine.memory, pin: 2, vector: 40)
    machine.start(0, at: InterruptGuest.start)
    let event = TestEvent()
    try machine.hypervisor.bindInterrupt(event.descriptor, pin: 2)
    let cpu = machine.cpus[0]
    let seen = Mutex<SeenExit?>(nil)
    let thread = TestThread { seen.withLock { $0 = SeenExit(cpu.run()) } }
    while machine.model.pic()?.edge == 0 { sched_yield() }

    event.signal()
    thread.join()

    #expect(seen.withLock { $0 } == .mmioWrite(InterruptGuest.report, 4, 1))
  }

  @Test func aKickEndsAnIdleGuest() throws {
    let machine = try TestMachine()
    machine.model.waitsWhenIdle = true
    machine.memory.place(
      GuestProgram {
        $0.idle()
        $0.branch(to: 0)
      }, at: 0x1000)
    machine.start(0, at: 0x1000)
    let cpu = machine.cpus[0]
    let seen = Mutex<SeenExit?>(nil)
    let thread = TestThread { seen.withLock { $0 = SeenExit(cpu.run()) } }
    while !machine.model.isIdle(vcpu: 0) { sched_yield() }

    cpu.kick()
    thread.join()

    #expect(seen.withLock { $0 } == .interrupted)
  }
}
