// What a machine is besides its memory and its devices: registers of the vCPUs and of the interrupt controllers, in a form
// that no hypervisor owns. A state may come from a file or another host: `restore` takes it as hostile.

/// A control and status register of a saved vCPU.
public struct CSRValue: Sendable, Equatable {
  /// Its number (LoongArch Reference Manual Vol. 1, 7.1).
  public var number: UInt16
  public var value: UInt64

  public init(number: UInt16, value: UInt64) {
    self.number = number
    self.value = value
  }
}

/// A vCPU that stands still between two instructions.
public struct VCPUState: Sendable {
  public var registers = VCPURegisters()
  /// Vector registers of 256 bits, four words each, the lowest first; word 0 is the FP register, words 0 and 1 the LSX one.
  public var vectors = InlineArray<128, UInt64>(repeating: 0)
  /// Condition flags, a byte each (0 or 1).
  public var conditions: UInt64 = 0
  /// FCSR0.
  public var floatControl: UInt32 = 0
  /// Scratch registers 0–3, EFLAGS and FTOP of the binary translation extension; zero where a CPU has none.
  public var translation = InlineArray<6, UInt64>(repeating: 0)
  /// In ascending order of numbers. TVAL is the timer's remaining time, in ticks of the stable counter.
  public var csrs: [CSRValue] = []
  /// CPUCFG words 0 to 20 as the guest sees them.
  public var configuration = InlineArray<21, UInt32>(repeating: 0)
  /// CPUCFG word 0x4000_0004: paravirtual features that the guest was told of; 0 is none.
  public var paravirtualFeatures: UInt32 = 0
  /// The guest physical address of its steal-time record, with bit 0 set if the guest has enabled it (Linux,
  /// Documentation/virt/kvm/loongarch/hypercalls.rst).
  public var stealTime: UInt64 = 0

  public init() {}

  /// The value of CSR `number`; nil if it is not in the state.
  public func csr(_ number: UInt16) -> UInt64? {
    for entry in csrs where entry.number == number { return entry.value }
    return nil
  }
}

/// The LS7A IOAPIC: one bit a pin, or a byte a pin (reference B.1).
public struct PCHPICState: Sendable {
  public var mask: UInt64 = .max
  public var messageEnable: UInt64 = 0
  public var edge: UInt64 = 0
  public var polarity: UInt64 = 0
  public var request: UInt64 = 0
  public var inService: UInt64 = 0
  public var route = InlineArray<64, UInt8>(repeating: 1)
  /// EIOINTC vector of each pin.
  public var vector = InlineArray<64, UInt8>(repeating: 0)

  public init() {
    for pin in 0..<32 { vector[pin] = UInt8(pin) }
  }
}

/// The extended I/O interrupt controller: 256 vectors (reference C.2).
public struct EIOINTCState: Sendable {
  public var nodeType = InlineArray<8, UInt32>(repeating: 0)
  public var ipMap = InlineArray<2, UInt32>(repeating: 0)
  public var enable = InlineArray<8, UInt32>(repeating: 0)
  public var bounce = InlineArray<8, UInt32>(repeating: 0)
  public var request = InlineArray<8, UInt32>(repeating: 0)
  /// A byte a vector.
  public var coreMap = InlineArray<64, UInt32>(repeating: 0)
  /// Of each vCPU: the vectors pending on it.
  public var pending: [InlineArray<8, UInt32>] = []
  /// What the virtual extension offers, and its CONFIG register.
  public var features: UInt32 = 0
  public var status: UInt32 = 0

  public init() {}
}

/// A vCPU's inter-processor interrupt registers (reference C.3).
public struct IPIState: Sendable {
  public var status: UInt32 = 0
  public var enable: UInt32 = 0
  public var mailboxes = InlineArray<4, UInt64>(repeating: 0)

  public init() {}
}

/// All interrupt controllers of a machine whose vCPUs stand still.
public struct InterruptControllerState: Sendable {
  public var pic = PCHPICState()
  public var extended = EIOINTCState()
  /// Of each vCPU.
  public var ipi: [IPIState] = []

  public init() {}
}

/// A machine that stands still, memory and devices apart.
public struct MachineState: Sendable {
  public var vcpus: [VCPUState] = []
  public var interrupts = InterruptControllerState()
  /// The guest's stable counter, in ticks, when the state was taken; it goes on from there.
  public var counter: UInt64 = 0

  public init() {}
}
