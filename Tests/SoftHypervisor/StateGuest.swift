import Dispatch
import Hypervisor
import StateComparison
import System
import Testing

@testable import SoftHypervisor

/// A guest of two CPUs that uses all that a state holds, and ends with the same registers and memory however often it is moved
/// to another hypervisor on the way.
///
/// CPU 0 computes (integers, floating point with its flags, LSX) through a page table that its refill handler makes up, and
/// takes timer interrupts, IPIs of its own and MSIs. Interrupts are on in windows only, behind an `idle` where their time is
/// not certain, so that each comes at a certain instruction. At times it stores one of `Request` to a register that nothing
/// serves. CPU 1 sleeps until an IPI, and stores in turn.
final class StateGuest {
  enum Request: UInt64 {
    /// The guest has ended.
    case end = 0
    case nothing = 1
    /// A pulse on pin 5, for which the guest waits next.
    case pulse = 2
    /// CPU 1 has been sent an IPI and is to run until it stores.
    case runOther = 3
  }

  static let ramSize = 1 << 20
  static let rounds = 250
  static let pin: UInt32 = 5
  private static let code: UInt64 = 0x1_0000
  private static let otherCode: UInt64 = 0x2_0000
  private static let entry: UInt64 = CPUMachine.window | 0x8000
  private static let refillEntry: UInt64 = 0xc000
  /// Counters of the interrupt handler: interrupts, then by source.
  static let log: UInt64 = 0x3_0000

  let ram: UnsafeMutableRawPointer
  let pulse: EventCounter
  private(set) var hypervisor: SoftHypervisor
  private(set) var vcpus: [SoftVCPU] = []
  /// What CPU 0 has asked for, in order.
  private(set) var requests: [Request] = []

  init() throws {
    ram = .allocate(byteCount: Self.ramSize, alignment: 1 << 14)
    ram.initializeMemory(as: UInt8.self, repeating: 0, count: Self.ramSize)
    pulse = try EventCounter()
    hypervisor = try SoftHypervisor(vcpus: 2)
    try equip(hypervisor)
    place(Self.handler, at: 0x8000)
    place(Self.refill, at: Self.refillEntry)
    place(Self.main, at: Self.code)
    place(Self.other, at: Self.otherCode)
    start(0, at: Self.code)
    start(1, at: Self.otherCode)
  }

  deinit { ram.deallocate() }

  private func equip(_ hypervisor: SoftHypervisor) throws {
    try hypervisor.addMemory(guestAddress: 0, host: ram, size: UInt64(Self.ramSize))
    vcpus = [try hypervisor.createVCPU(id: 0), try hypervisor.createVCPU(id: 1)]
  }

  private func place(_ words: [UInt32], at physical: UInt64) {
    for (index, word) in words.enumerated() {
      ram.storeBytes(of: word, toByteOffset: Int(physical) + index * 4, as: UInt32.self)
    }
  }

  private func start(_ id: Int, at physical: UInt64) {
    let cpu = vcpus[id].cpu
    for (number, value) in [
      (CSR.eentry, Self.entry), (CSR.tlbrentry, Self.refillEntry), (CSR.dmw0, CPUMachine.window | 1), (CSR.stlbps, 14),
      (CSR.euen, 3), (CSR.ecfg, 1 << 2 | 1 << 11 | 1 << 12), (CSR.crmd, CSR.crmdPG),
    ] { _ = cpu.writeCSR(number, value, at: 0) }
    var registers = VCPURegisters()
    registers.pc = CPUMachine.window | physical
    registers.gpr[31] = CPUMachine.window | CPUMachine.stopAddress
    registers.gpr[30] = CPUMachine.window
    vcpus[id].registers = registers
  }

  // MARK: running

  /// Binds the pin's eventfd, as a VMM does before the vCPUs run.
  func bind() throws { try hypervisor.bindInterrupt(pulse.descriptor.raw, pin: Self.pin) }

  /// Puts the machine into a new hypervisor over the same memory; the old one is gone.
  func move() throws {
    let state = try hypervisor.save()
    hypervisor.unbindInterrupt(pulse.descriptor.raw, pin: Self.pin)
    _ = pulse.drain()
    let new = try SoftHypervisor(vcpus: 2)
    try equip(new)
    try new.restore(state)
    hypervisor = new
    try bind()
  }

  /// Runs CPU 0 until its next request. `interrupted` is called when a kick ends a run early.
  func step(interrupted: () throws -> Void = {}) throws -> Request {
    let request = try runUntilStore(0, interrupted)
    guard let request = Request(rawValue: request) else { throw Unexpected.request(request) }
    requests.append(request)
    return request
  }

  /// Runs CPU 1 until it has served its IPI.
  func runOther(interrupted: () throws -> Void = {}) throws { _ = try runUntilStore(1, interrupted) }

  private func runUntilStore(_ id: Int, _ interrupted: () throws -> Void) throws -> UInt64 {
    let limit = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < limit {
      // A guest that sleeps for an interrupt that got lost.
      nonisolated(unsafe) let vcpu = vcpus[id]
      let watchdog = DispatchWorkItem { vcpu.kick() }
      DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(21), execute: watchdog)
      defer { watchdog.cancel() }
      switch vcpus[id].run() {
      case .mmioWrite(CPUMachine.stopAddress, 8, let value): return value
      case .interrupted: try interrupted()
      default: throw Unexpected.exit
      }
    }
    throw Unexpected.exit
  }

  enum Unexpected: Error {
    case exit
    case request(UInt64)
  }

  /// Does what the guest asked for.
  func serve(_ request: Request, interrupted: () throws -> Void = {}) throws {
    switch request {
    case .pulse: pulse.signal()
    case .runOther: try runOther(interrupted: interrupted)
    case .nothing, .end: break
    }
  }

  /// Registers and memory at the end, without what depends on the time.
  func outcome() throws -> [UInt64] {
    var state = try hypervisor.save()
    state.counter = 0
    let memory = (0..<Self.ramSize / 8).map { ram.load(fromByteOffset: $0 * 8, as: UInt64.self) }
    return state.words + memory
  }

  func logged(_ index: Int) -> UInt64 { ram.load(fromByteOffset: Int(Self.log) + index * 8, as: UInt64.self) }

  // MARK: text

  private static func and(_ rd: UInt32, _ rj: UInt32, _ rk: UInt32) -> UInt32 { 0x0014_8000 | rk << 10 | rj << 5 | rd }
  private static func add(_ rd: UInt32, _ rj: UInt32, _ rk: UInt32) -> UInt32 { 0x0010_8000 | rk << 10 | rj << 5 | rd }
  private static func mul(_ rd: UInt32, _ rj: UInt32, _ rk: UInt32) -> UInt32 { 0x001d_8000 | rk << 10 | rj << 5 | rd }

  /// Adds 1 to the log's word `index`; r23 holds the log's address.
  private static func count(_ index: Int32) -> [UInt32] {
    [I.ldD(22, 23, index * 8), I.addi(22, 22, 1), I.stD(22, 23, index * 8)]
  }

  /// Runs `body` unless r21 is 0.
  private static func ifPending(_ body: [UInt32]) -> [UInt32] { [I.beqz(21, Int32(body.count + 1) * 4)] + body }

  /// Interrupts: counts and acknowledges timer, IPI, and vectors 0–63 with their pins. Uses r20–r24.
  private static let handler: [UInt32] = {
    let timer = count(1) + [I.addi(22, 0, 1), I.csrwr(22, CSR.ticlr)]
    let ipi =
      count(2) + I.li(24, 0x1000) + [I.iocsrrd(22, 24, log2: 2), I.iocsrwr(22, 24, log2: 2)]
      + I.li(24, 0x100c) + [I.iocsrwr(22, 24, log2: 2)]
    let vectors =
      count(3) + I.li(24, 0x1800) + [I.iocsrrd(22, 24, log2: 3), I.iocsrwr(22, 24, log2: 3)]
      + I.li(24, CPUMachine.window | 0x1000_0080) + [I.stD(22, 24)]
      + [I.ldD(24, 23, 32), add(24, 24, 22), I.stD(24, 23, 32)]
    return [I.csrrd(20, CSR.estat)] + I.li(23, CPUMachine.window | log) + count(0)
      + I.li(24, 1 << 11) + [and(21, 20, 24)] + ifPending(timer)
      + I.li(24, 1 << 12) + [and(21, 20, 24)] + ifPending(ipi)
      + [I.andi(21, 20, 1 << 2)] + ifPending(vectors) + [I.ertn]
  }()

  /// Maps the pair of 16 KiB pages around the address to itself, for all address spaces. Uses r25 and r26.
  private static let refill: [UInt32] =
    I.li(26, 0xffff_8000) + [
      I.csrrd(25, CSR.tlbrbadv), and(25, 25, 26), I.ori(25, 25, 0x43), I.csrwr(25, CSR.tlbrelo0),
    ]
    + [I.csrrd(25, CSR.tlbrelo0)] + I.li(26, 0x4000) + [add(25, 25, 26), I.csrwr(25, CSR.tlbrelo1)]
    + [I.addi(25, 0, 14), I.addi(26, 0, 0x3f), I.csrxchg(25, 26, CSR.tlbrehi), I.tlbfill, I.ertn]

  /// Interrupts on and off again.
  private static let window: [UInt32] = [
    I.addi(10, 0, 4), I.addi(11, 0, 4), I.csrxchg(10, 11, CSR.crmd), I.csrxchg(0, 11, CSR.crmd),
  ]

  private static func ask(_ request: Request) -> [UInt32] { [I.addi(12, 0, Int32(request.rawValue)), I.stD(12, 31)] }

  /// Sleeps until an interrupt is pending, then takes it.
  private static let asleep: [UInt32] = [I.idle] + window

  /// A moved guest has refilled more often, which the refill's registers tell. Here they come to the same again.
  private static let lastRefill: [UInt32] = [I.invtlb(0, 0, 0), I.ldD(11, 7)]

  /// Waits until the timer is pending, beside others.
  private static let untilTimer: [UInt32] =
    [I.csrrd(13, CSR.estat)] + I.li(14, 1 << 11) + [and(13, 13, 14), I.beqz(13, -24)]

  /// What is done when the low bits of the round (r4) in `mask` are `value`.
  private static func every(_ mask: Int32, _ value: Int32, _ body: [UInt32]) -> [UInt32] {
    [I.andi(13, 4, mask), I.addi(13, 13, -value), I.bnez(13, Int32(body.count + 1) * 4)] + body
  }

  /// All vectors enabled, on HWI0 of CPU 0; pin 5 an edge with vector 5, unmasked.
  private static let chipSetUp: [UInt32] =
    I.li(14, .max) + I.li(15, 0x1600) + [I.iocsrwr(14, 15, log2: 3)] + I.li(15, 0x14c0)
    + I.li(16, 0x0101_0101_0101_0101) + [I.iocsrwr(16, 15, log2: 3)] + I.li(15, 0x1c00) + [I.iocsrwr(16, 15, log2: 3)]
    + I.li(15, CPUMachine.window | 0x1000_0060) + I.li(14, 1 << 5) + [I.stD(14, 15)]
    + I.li(15, CPUMachine.window | 0x1000_0020) + I.li(14, ~(1 << 5)) + [I.stD(14, 15)]

  private static let main: [UInt32] = {
    // r5 random, r6 multiplier, r7 where to store, r8 mask of the offset; f1, v2 operands; f0, v3 sums.
    let prologue =
      chipSetUp + I.li(5, 0x1234_5678_9abc_def1) + I.li(6, 6_364_136_223_846_793_005) + I.li(7, 0x4_0000)
      + I.li(8, 0x3_fff8) + I.li(9, UInt64(rounds)) + [I.addi(4, 0, 0)]
    let compute: [UInt32] =
      [mul(5, 5, 6), I.addi(5, 5, 1), and(10, 5, 8), add(10, 10, 7), I.ldD(11, 10), add(11, 11, 5), I.stD(11, 10)]
      // movgr2fr.d f1, r5; ffint.d.l f1, f1; fdiv.d f2, f0, f1; fadd.d f0, f2, f1; fcmp.clt.d fcc3, f0, f1
      + [0x0114_a800 | 5 << 5 | 1, 0x011d_2800 | 1 << 5 | 1, 0x0107_0000 | 1 << 10 | 2, 0x0101_0000 | 1 << 10 | 2 << 5]
      + [0x0c21_0000 | 1 << 10 | 3]
      + [I.vld(4, 10), I.vaddB | 4 << 10 | 3 << 5 | 3, and(11, 10, 8), add(11, 11, 7), I.vst(3, 11, -16)]
      // ll.d, sc.d
      + [I.llD(11, 10), add(11, 11, 4), I.scD(11, 10), I.beqz(11, -12)]
    let timer = I.li(13, 3000 | CSR.tcfgEnable) + [I.csrwr(13, CSR.tcfg)]
    let ipi = I.li(14, 7) + I.li(15, 0x1040) + [I.iocsrwr(14, 15, log2: 2)]
    let msi = I.li(14, 9) + I.li(15, CPUMachine.window | 0x2ff0_0000) + [I.stW(14, 15)]
    let other = I.li(14, 1 << 16 | 3) + I.li(15, 0x1040) + [I.iocsrwr(14, 15, log2: 2)]
    let loop =
      compute + every(15, 3, timer + ask(.nothing) + compute + asleep) + every(15, 5, ipi + ask(.nothing) + window)
      + every(15, 7, msi + ask(.nothing) + window) + every(63, 9, ask(.pulse) + compute + asleep)
      + every(31, 11, other + ask(.runOther)) + every(31, 13, ipi + msi + timer + ask(.nothing) + untilTimer + asleep)
      + every(31, 13, [I.csrwr(5, CSR.save0 + 2), I.csrrd(5, CSR.save0 + 2)])
      + [I.addi(4, 4, 1)]
    // bne r4, r9, loop
    let back = UInt32(bitPattern: -Int32(loop.count)) & 0xffff
    return prologue + loop + [0x5c00_0000 | back << 10 | 4 << 5 | 9] + lastRefill + ask(.end)
  }()

  private static let other: [UInt32] = {
    let loop = asleep + [I.addi(4, 4, 1), I.stD(4, 31)]
    return loop + [I.b(-Int32(loop.count) * 4)]
  }()
}
