import Dispatch
import Hypervisor
import Testing

@testable import SoftHypervisor

/// A machine of 1 MiB of RAM at 0 for guests of a few instructions.
///
/// r31 holds the address of a register that nothing serves, through a window that works in every mode of PLV0: a store to
/// it ends the guest. The pages of the exception entry (EENTRY) and of the refill entry are full of such stores, so that
/// where the guest stopped says which entry was taken. Guests start at `code` with direct addressing, PLV0.
final class CPUMachine {
  static let ramSize = 1 << 20
  /// Window 9 maps all of physical memory for PLV0.
  static let window: UInt64 = 0x9000_0000_0000_0000
  static let stopAddress: UInt64 = 0x4000_0000
  static let entry: UInt64 = window | 0x8000
  static let refillEntry: UInt64 = 0xc000
  static let code: UInt64 = 0x1_0000
  static let stop = I.stD(0, 31)

  let ram: UnsafeMutableRawPointer
  let hypervisor: SoftHypervisor
  let vcpus: [SoftVCPU]
  private var textWritten = false

  var cpu: CPUPointer { vcpus[0].cpu }

  init(vcpus count: Int = 1) throws {
    ram = .allocate(byteCount: Self.ramSize, alignment: 1 << 14)
    ram.initializeMemory(as: UInt8.self, repeating: 0, count: Self.ramSize)
    hypervisor = try SoftHypervisor(vcpus: count)
    try hypervisor.addMemory(guestAddress: 0, host: ram, size: UInt64(Self.ramSize))
    var made: [SoftVCPU] = []
    for id in 0..<count { made.append(try hypervisor.createVCPU(id: id)) }
    vcpus = made
    for address in stride(from: UInt64(0x8000), to: 0x1_0000, by: 4) { write(Self.stop, at: address) }
    for id in 0..<count { reset(id) }
  }

  deinit { ram.deallocate() }

  private func reset(_ id: Int) {
    set(CSR.eentry, Self.entry, cpu: id)
    set(CSR.tlbrentry, Self.refillEntry, cpu: id)
    set(CSR.dmw0, Self.window | 1, cpu: id)
    var registers = VCPURegisters()
    registers.pc = Self.code
    registers.gpr[31] = Self.window | Self.stopAddress
    vcpus[id].registers = registers
  }

  // MARK: memory

  /// Places text; before the next run every decoded copy is looked at again, as a guest's ibar would have it.
  func write(_ word: UInt32, at physical: UInt64) {
    patch(word, at: physical)
    textWritten = true
  }
  /// Changes memory as a device does: nobody is told.
  func patch(_ word: UInt32, at physical: UInt64) {
    ram.storeBytes(of: word, toByteOffset: Int(physical), as: UInt32.self)
  }
  func write(_ words: [UInt32], at physical: UInt64) {
    for (index, word) in words.enumerated() { write(word, at: physical + UInt64(index) * 4) }
  }
  func write64(_ value: UInt64, at physical: UInt64) {
    ram.storeBytes(of: value, toByteOffset: Int(physical), as: UInt64.self)
  }
  func read64(_ physical: UInt64) -> UInt64 { ram.loadUnaligned(fromByteOffset: Int(physical), as: UInt64.self) }

  // MARK: registers

  func csr(_ number: Int, cpu id: Int = 0) -> UInt64 { vcpus[id].cpu.readCSR(number) }

  /// As csrwr does, without moving the PC.
  func set(_ number: Int, _ value: UInt64, cpu id: Int = 0) {
    let cpu = vcpus[id].cpu
    let pc = cpu.pointee.pc
    _ = cpu.writeCSR(number, value, at: pc)
    cpu.pointee.pc = pc
  }

  func set(_ register: Int, to value: UInt64, cpu id: Int = 0) {
    var registers = vcpus[id].registers
    registers.gpr[register] = value
    vcpus[id].registers = registers
  }

  func gpr(_ register: Int, cpu id: Int = 0) -> UInt64 { vcpus[id].registers.gpr[register] }

  func setPC(_ pc: UInt64, cpu id: Int = 0) {
    var registers = vcpus[id].registers
    registers.pc = pc
    vcpus[id].registers = registers
  }

  /// Paging on, at privilege level `plv`, with code at PLV0's window or where the test mapped it.
  func page(plv: UInt64 = 0, pc: UInt64 = CPUMachine.window | CPUMachine.code) {
    set(CSR.crmd, CSR.crmdPG | plv)
    setPC(pc)
  }

  /// Enters a pair of pages as TLBWR does (outside of a refill).
  func map(
    _ address: UInt64, _ even: UInt64, _ odd: UInt64, size: UInt64 = 14, index: UInt64, asid: UInt64? = nil
  ) {
    let old = csr(CSR.asid)
    if let asid { set(CSR.asid, asid) }
    set(CSR.tlbidx, size << 24 | index)
    set(CSR.tlbehi, address)
    set(CSR.tlbelo0, even)
    set(CSR.tlbelo1, odd)
    cpu.writeTLB()
    set(CSR.asid, old)
  }

  // MARK: running

  /// Places the guest at `code` and runs it. One that does not stop within 20 seconds is kicked.
  func run(_ words: [UInt32]) -> VCPUExit {
    write(words + [Self.stop], at: Self.code)
    return run()
  }

  func run(cpu id: Int = 0) -> VCPUExit {
    nonisolated(unsafe) let vcpu = vcpus[id]
    flushText()
    let watchdog = DispatchWorkItem { vcpu.kick() }
    DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(20), execute: watchdog)
    defer { watchdog.cancel() }
    return vcpu.run()
  }

  /// Makes text of `write` visible; before the threads start, if there are several.
  func flushText() {
    guard textWritten else { return }
    for vcpu in vcpus { vcpu.cpu.flushJumpCache() }
    textWritten = false
  }

  /// Runs to the stop register and says at which PC the guest stopped; nil if it did not.
  func stopped(_ words: [UInt32]) -> UInt64? {
    write(words + [Self.stop], at: Self.code)
    return stopped()
  }

  func stopped(cpu id: Int = 0) -> UInt64? {
    guard case .mmioWrite(Self.stopAddress, 8, 0) = run(cpu: id) else { return nil }
    return vcpus[id].registers.pc &- 4
  }

  /// Where the guest at `code` stops if nothing happens to it: the PC of the stop after `words`.
  static func end(of words: [UInt32]) -> UInt64 { code + UInt64(words.count) * 4 }

  /// Exception code and subcode of ESTAT.
  var exceptionCode: Int { Int(csr(CSR.estat) >> 16 & 0x3f | (csr(CSR.estat) >> 22 & 0x1ff) << 6) }
}

/// Bits of a page table entry (Vol. 1, 5.4.5).
enum Page {
  static let valid: UInt64 = 1 << 0
  static let dirty: UInt64 = 1 << 1
  static let user: UInt64 = 3 << 2
  static let global: UInt64 = 1 << 6
  static let noRead: UInt64 = 1 << 61
  static let noExecute: UInt64 = 1 << 62
  static let exactLevel: UInt64 = 1 << 63
  /// Memory that user and kernel may read, write and execute.
  static let all = valid | dirty | user
}
