import CSystem
import Hypervisor
import KVMHypervisor
import System

extension KVMCheck {
  private typealias Run = GuestRun<KVMHypervisor<Calls>>
  private static var vectors: String { hex(1 << UInt64(GuestProgram.vector)) }

  /// The product's own hypervisor, and a guest on it.
  func checkGuest() {
    report.begin("A machine as Atoll makes it, and a guest")
    checkTwoVCPUs()
    do throws(HypervisorError) {
      let memory = try GuestMemory()
      let run = try makeRun(memory)
      report.tell("the guest is told of the hypervisor", run.hypervisor.isParavirtual ? "yes" : "no")
      try checkFirstRun(run)
      try checkDirtyPages(run)
      try checkOtherProcess(run, "interrupt by another process: COREISR", delay: 0)
      // By then the guest sleeps, as a rule; if it does not, the outcome is the same.
      try checkOtherProcess(run, "the same 20 ms later, to a sleeping guest", delay: 20_000_000)
      try checkSeries(run)
      try checkRestore(run)
    } catch {
      report.expect("all of this part", "done", seen: error.sentence)
    }
  }

  private func checkTwoVCPUs() {
    report.expect(
      "a machine with 2 vCPUs", "ok",
      seen: outcome { () throws(HypervisorError) in
        let hypervisor = try KVMHypervisor(calls: calls, kvm: kvm, vcpus: 2)
        for id in 0..<2 { _ = try hypervisor.createVCPU(id: id) }
      })
  }

  private func makeRun(_ memory: GuestMemory) throws(HypervisorError) -> Run {
    let hypervisor = try KVMHypervisor(calls: calls, kvm: kvm, vcpus: 1)
    try hypervisor.addMemory(guestAddress: 0, host: memory.base, size: memory.size)
    return try Run(hypervisor, try hypervisor.createVCPU(id: 0), memory, patience: patience)
  }

  /// From the first instruction to the first interrupt, raised while the guest is about to wait for it.
  private func checkFirstRun(_ run: Run) throws(HypervisorError) {
    run.load()
    try run.hypervisor.logDirtyPages(true, guestAddress: 0)
    let vectors = try run.runToReport { run.interrupt.signal() }
    report.expect("interrupt by irqfd: COREISR in the handler", Self.vectors, seen: vectors)
    report.expect("doorbell: signals, and no exit", "1", seen: "\(run.doorbell.drain())")
    report.expect("load where nothing is: exits of 4 bytes", "1", seen: "\(run.loads)")
    report.expect("iocsrrd 0x8: exits of 4 bytes", "1", seen: "\(run.ioReads)")
    let registers = run.cpu.registers
    report.expect("what the load gave", hex(Run.loadAnswer), seen: hex(registers.gpr[GuestProgram.loadedRegister]))
    report.expect("what the iocsrrd gave", hex(Run.ioAnswer), seen: hex(registers.gpr[GuestProgram.readRegister]))
    report.expect("other exits", "none", seen: run.stray)
    report.expect(
      "the guest's store to memory", hex(Run.loadAnswer), seen: hex(UInt64(run.memory.word(at: GuestProgram.result))))
  }

  private func checkDirtyPages(_ run: Run) throws(HypervisorError) {
    let pages = try run.hypervisor.takeDirtyPages(guestAddress: 0)
    report.expect(
      "dirty log: pages, a bit each", hex(1 << (GuestProgram.result / UInt64(calls.pageSize))),
      seen: hex(pages.first ?? 0))
    let again = try run.hypervisor.takeDirtyPages(guestAddress: 0)
    report.expect("dirty log once more", "0x0", seen: hex(again.first ?? 0))
    try run.hypervisor.logDirtyPages(false, guestAddress: 0)
  }

  private func checkOtherProcess(_ run: Run, _ check: String, delay: Int) throws(HypervisorError) {
    let child = atoll_signal_from_child(run.interrupt.descriptor.raw, delay)
    guard child >= 0 else { throw .system(SystemError("fork", 0 - child)) }
    let vectors = try run.runToReport()
    let result = atoll_await_child(child)
    guard result == 0 else { throw .system(SystemError("a child process", 0 - result)) }
    report.expect(check, Self.vectors, seen: vectors)
  }

  /// From the eventfd over the guest's handler to the exit that its store makes.
  private func checkSeries(_ run: Run) throws(HypervisorError) {
    var times = try run.runToReports(200, of: Self.vectors)
    report.expect("interrupts one after the other", "200", seen: "\(times.count)")
    times.sort()
    guard !times.isEmpty else { return }
    let tenths = times[times.count / 2] / 100
    report.tell("eventfd to handler to exit, median", "\(tenths / 10).\(tenths % 10) us")
  }

  /// The state of the machine, its guest in the middle of its handler and the next interrupt pending already, goes over into
  /// another machine with the same memory.
  private func checkRestore(_ run: Run) throws(HypervisorError) {
    run.interrupt.signal()
    let state: MachineState
    do throws(HypervisorError) {
      state = try run.hypervisor.save()
    } catch {
      guard case .unavailable(let why) = error else { throw error }
      report.skip("save and restore", "both", because: why.reason)
      return
    }
    let successor = try makeRun(run.memory)
    try successor.hypervisor.restore(state)
    report.expect(
      "interrupt pending at save, after restore: COREISR", Self.vectors, seen: try successor.runToReport())
    successor.interrupt.signal()
    report.expect("interrupt after restore: COREISR", Self.vectors, seen: try successor.runToReport())
  }
}
