import Glibc
import Hypervisor
import KVMHypervisor
import System

/// A machine with one vCPU in real mode, 64 KiB of memory at 0 and a PC's interrupt controllers in the kernel.
public final class X86Machine {
  /// Where things are in the guest's memory.
  public static let (codeAddress, handlerAddress, stackTop): (UInt32, UInt32, UInt32) = (0x1000, 0x2000, 0x8000)
  /// Bytes from 0 on.
  public static let memorySize = 0x10000
  /// A store here tells `runToEnd` that the guest is done.
  public static let end: UInt32 = 0xd000_0000

  // Freed in this order: the memory outlives the machine.
  /// Its vCPU.
  public let runner: KVMRunner<KernelCalls>
  /// What is tested.
  public let machine: KVMMachine<KernelCalls>
  /// The file that is its memory, for another process.
  public let file: FileDescriptor
  /// The same in this process.
  public let memory: Mapping
  private var more: [More] = []

  /// Opens /dev/kvm. With `memory` false nothing is mapped at 0 yet.
  public init(addsMemory: Bool = true) throws {
    let kvm = try FileDescriptor.open("/dev/kvm", flags: O_RDWR | O_CLOEXEC)
    let machine = try KVMMachine(
      calls: KernelCalls(), kvm: kvm.raw,
      capabilities: [
        KVMCapability.irqfd, KVMCapability.ioeventfd, KVMCapability.signalMSI, KVMCapability.immediateExit,
      ])
    // Three pages that Intel CPUs need for real mode; anywhere without memory.
    try machine.calls.request(machine.descriptor, .setTSSAddress, number: 0xfffb_d000)
    try machine.calls.request(machine.descriptor, .createIRQChip)
    file = try MemoryFile.create("x86-guest", size: X86Machine.memorySize)
    memory = try Mapping.shared(file, size: X86Machine.memorySize)
    if addsMemory {
      try machine.addMemory(guestAddress: 0, host: memory.base, size: UInt64(X86Machine.memorySize))
    }
    runner = try machine.makeRunner(id: 0)
    self.machine = machine
  }

  /// Adds zeroed memory; where it is in this process.
  @discardableResult
  public func addMemory(at address: UInt64, size: Int, readOnly: Bool = false) throws -> UnsafeMutableRawPointer {
    let added = More(try Mapping.anonymous(size: size))
    more.append(added)
    try machine.addMemory(
      guestAddress: address, host: added.mapping.base, size: UInt64(size), readOnly: readOnly)
    return added.mapping.base
  }

  private final class More {
    let mapping: Mapping
    init(_ mapping: consuming Mapping) { self.mapping = mapping }
  }

  /// Puts code into memory; the first address of the vector's handler too, if it is one.
  public func load(_ code: X86Code, handles vector: UInt8? = nil) {
    for (index, byte) in code.bytes.enumerated() {
      memory.base.storeBytes(of: byte, toByteOffset: Int(code.origin) + index, as: UInt8.self)
    }
    guard let vector else { return }
    // The interrupt vector table at 0: offset, then segment.
    memory.base.storeBytes(of: UInt16(code.origin), toByteOffset: Int(vector) * 4, as: UInt16.self)
    memory.base.storeBytes(of: 0, toByteOffset: Int(vector) * 4 + 2, as: UInt16.self)
  }

  /// The 32-bit word of the guest's memory at `address`.
  public func word(_ address: UInt32) -> UInt32 { memory.base.load(fromByteOffset: Int(address), as: UInt32.self) }

  /// Two words, the low one first.
  public func longWord(_ address: UInt32) -> UInt64 { UInt64(word(address + 4)) << 32 | UInt64(word(address)) }

  /// Loads `code` and makes the vCPU begin with it, interrupts off.
  public func begin(_ code: X86Code) throws {
    load(code)
    try begin(at: code.origin)
  }

  /// Makes the vCPU begin at `address`, interrupts off.
  public func begin(at address: UInt32) throws {
    try setFlatSegments()
    // struct kvm_regs: sixteen registers, RSP the seventh, then RIP and RFLAGS, of which bit 1 is always set.
    var words = InlineArray<18, UInt64>(repeating: 0)
    (words[6], words[16], words[17]) = (UInt64(X86Machine.stackTop), UInt64(address), 2)
    try machine.calls.request(runner.descriptor, .setRegisters, &words)
  }

  /// struct kvm_sregs: eight segments of 24 bytes, CS first: base, limit at 8, selector at 12. What else there is stays as
  /// KVM makes it: real mode.
  private func setFlatSegments() throws {
    let area = UnsafeMutableRawPointer.allocate(byteCount: 312, alignment: 8)
    defer { area.deallocate() }
    try machine.calls.request(runner.descriptor, .getSpecialRegisters, number: UInt(bitPattern: area))
    for segment in 0..<6 {
      area.storeBytes(of: 0, toByteOffset: segment * 24, as: UInt64.self)
      area.storeBytes(of: segment == 0 ? 0xffff : UInt32.max, toByteOffset: segment * 24 + 8, as: UInt32.self)
      area.storeBytes(of: 0, toByteOffset: segment * 24 + 12, as: UInt16.self)
      // Granularity: limits beyond 1 MiB are in pages.
      area.storeBytes(of: segment == 0 ? 0 : 1, toByteOffset: segment * 24 + 20, as: UInt8.self)
    }
    try machine.calls.request(runner.descriptor, .setSpecialRegisters, number: UInt(bitPattern: area))
  }

  /// EAX and the address of the next instruction.
  public func registers() throws -> (eax: UInt32, next: UInt64) {
    var words = InlineArray<18, UInt64>(repeating: 0)
    try machine.calls.request(runner.descriptor, .getRegisters, &words)
    return (UInt32(truncatingIfNeeded: words[0]), words[16])
  }
}
