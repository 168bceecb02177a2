import Hypervisor
import SoftHypervisor
import Synchronization
import System

/// The software hypervisor, through its contract only.
enum Atoll {
  /// An exception that a sequence raised: no tested instruction may.
  struct Fault: Equatable {
    /// Which sequence, and the instruction's address.
    let sequence: Int
    let address: UInt64
    let ecode: UInt64
  }

  /// What a run came to.
  struct Outcome {
    var blocks: [[UInt64]] = []
    var faults: [Fault] = []
  }

  /// The end of a virtual machine that should not have ended.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Runs `sequences` and returns their blocks afterwards.
  static func run(_ sequences: [Sequence]) throws -> Outcome {
    let program = TestProgram(sequences, for: .bareMetal)
    let size = (program.image.count + 0x3fff) & ~0x3fff
    let file = try MemoryFile.create("differential", size: size)
    let memory = try Mapping.guestRAM(file, size: size)
    memory.base.copyMemory(from: program.image, byteCount: program.image.count)
    let hypervisor = try SoftHypervisor(vcpus: 1)
    try hypervisor.addMemory(guestAddress: TestProgram.base, host: memory.base, size: UInt64(size))
    let vcpu = try hypervisor.createVCPU(id: 0)
    vcpu.registers.pc = TestProgram.base
    var outcome = Outcome()
    try run(vcpu, program, &outcome)
    outcome.blocks = TestProgram.blocks(
      in: UnsafeRawBufferPointer(start: memory.base + program.blocksOffset, count: program.count * RegisterBlock.size))
    return outcome
  }

  private static func run(_ vcpu: some VCPU, _ program: TestProgram, _ outcome: inout Outcome) throws {
    let watchdog = try Watchdog(vcpu)
    defer { watchdog.end() }
    while true {
      switch vcpu.run() {
      case .mmioWrite(TestProgram.endAddress, _, _): return
      case .mmioWrite(TestProgram.faultAddress, _, _): outcome.faults.append(try skip(vcpu, program))
      case .interrupted:
        throw Failure(description: "still running after \(Watchdog.seconds) s, at \(hex(vcpu.registers.pc))")
      case let exit: throw Failure(description: "unexpected exit \(exit) at \(hex(vcpu.registers.pc))")
      }
    }
  }

  /// Notes an exception and sets the vCPU to the instruction after it, with the register that the handler used.
  private static func skip(_ vcpu: some VCPU, _ program: TestProgram) throws -> Fault {
    let control = vcpu.controlRegisters
    guard let sequence = program.codeAddresses.lastIndex(where: { $0 <= control.era }) else {
      throw Failure(description: "exception \(control.estat >> 16 & 63) at \(hex(control.era)), in no sequence")
    }
    var registers = vcpu.registers
    registers.pc = control.era + 4
    registers.gpr[31] = TestProgram.base + UInt64(program.blocksOffset + sequence * RegisterBlock.size)
    vcpu.registers = registers
    return Fault(sequence: sequence, address: control.era, ecode: control.estat >> 16 & 63)
  }
}

/// Kicks a vCPU that does not come to an end: a wrong branch can make the program run for ever.
private final class Watchdog: Sendable {
  static let seconds: Int64 = 20
  private let flag = EndFlag()

  init(_ vcpu: some VCPU) throws {
    let flag = flag
    // `kick` is the one call that any thread may make.
    nonisolated(unsafe) let kick = { vcpu.kick() }
    try Thread.start { if !flag.wait(nanoseconds: Self.seconds * 1_000_000_000) { kick() } }
  }

  func end() { flag.raise() }
}

/// A word that two threads share.
private final class EndFlag: @unchecked Sendable {
  private let word: UnsafeMutablePointer<Atomic<UInt32>>

  init() {
    word = .allocate(capacity: 1)
    word.initialize(to: Atomic(0))
  }

  deinit { word.deallocate() }

  func raise() {
    word.pointee.store(1, ordering: .releasing)
    Futex.wake(word)
  }

  /// False if that took longer.
  func wait(nanoseconds: Int64) -> Bool {
    let deadline = Clock.monotonic + nanoseconds
    while word.pointee.load(ordering: .acquiring) == 0 {
      let left = deadline - Clock.monotonic
      guard left > 0 else { return false }
      Futex.wait(word, expected: 0, nanoseconds: left)
    }
    return true
  }
}
