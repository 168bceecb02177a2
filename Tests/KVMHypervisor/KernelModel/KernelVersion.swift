// Which kernel the model is. Each difference has a name, so that a test can also build a kernel that has only one of them.

/// A kernel whose KVM the model answers like.
public enum KernelVersion: Int, Sendable, Comparable, CaseIterable, CustomStringConvertible {
  /// Loongson's own KVM of before Linux 6.7 (reference F).
  case vendor
  /// KVM without interrupt controllers in the kernel.
  case v6_12
  /// The first with them.
  case v6_13
  /// With 64-bit registers of the LS7A.
  case v7_2
  /// Which takes no KVM_INTERRUPT beside the interrupt controllers.
  case v7_3

  /// Whether it is older.
  public static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }

  /// As people write it.
  public var description: String {
    switch self {
    case .vendor: "Loongson's 4.19"
    case .v6_12: "6.12"
    case .v6_13: "6.13"
    case .v7_2: "7.2"
    case .v7_3: "7.3"
    }
  }
}

/// What differs between the kernels; set from the version, and changeable until the first request.
/// Sources: Linux 6.13 and 7.2.12, arch/loongarch/kvm/{vcpu,vm,irqfd}.c and intc/{ipi,eiointc,pch_pic}.c; virt/kvm/eventfd.c.
public struct KernelBehaviour: Sendable {
  /// The IPI, EIOINTC and PCH-PIC device types, with irqfds, routing, KVM_SIGNAL_MSI and KVM_IRQ_LINE.
  public var hasIRQChip: Bool
  /// The LS7A registers are 64 bits wide, and set to their reset values when the device is created.
  public var hasWidePIC: Bool
  /// Accesses that the IPI and EIOINTC devices do not like end in the kernel; before, they went to user space.
  public var swallowsBadAccesses: Bool
  /// A route to another irqchip than 0 is refused.
  public var checksRouteChip: Bool
  /// An MSI whose data is 256 or more is refused; before, the kernel wrote beyond its tables.
  public var checksMessageData: Bool
  /// KVM_GET_FPU and KVM_SET_FPU copy whole registers; before, the low 4 bytes of each.
  public var copiesWholeFPURegisters: Bool
  /// A write of ESTAT replaces it; before, it could only add bits. KVM_REG_LOONGARCH_VCPU_RESET clears it.
  public var replacesESTAT: Bool
  /// EIOINTC takes 256 CPUs; before, 255.
  public var eiointcCPULimit: UInt32
  /// VM attributes PTW, MSGINT and PV_PREEMPT, and the DMSINTC device type.
  public var hasNewFeatures: Bool
  /// Paravirtual feature bits that user space may set.
  public var paravirtualMask: UInt64
  /// KVM_INTERRUPT is refused once the interrupt controllers are in the kernel.
  public var refusesInterruptWithIRQChip: Bool
  /// KVM_CAP_VCPU_ATTRIBUTES and KVM_CAP_STEAL_TIME are told of.
  public var tellsAttributeCapabilities: Bool
  /// Not mainline: other request numbers, none of the above.
  public var isVendor: Bool

  /// That of a version.
  public init(_ version: KernelVersion) {
    let isNew = version >= .v7_2
    hasIRQChip = version >= .v6_13
    hasWidePIC = isNew
    swallowsBadAccesses = isNew
    checksRouteChip = isNew
    checksMessageData = isNew
    copiesWholeFPURegisters = isNew
    replacesESTAT = isNew
    eiointcCPULimit = isNew ? 256 : 255
    hasNewFeatures = isNew
    // IPI and STEAL_TIME, then PREEMPT and USER_HCALL; VIRT_EXTIOI came with the interrupt controllers.
    paravirtualMask = isNew ? 0x0300_000e : 0x0100_0006
    refusesInterruptWithIRQChip = version >= .v7_3
    tellsAttributeCapabilities = version >= .v7_3
    isVendor = version == .vendor
  }
}

/// The machine that the model's kernel runs on.
public struct HostFeatures: Sendable {
  /// CPUCFG words 0 to 20 of its CPUs.
  public var configuration: [UInt32]
  /// The PMU may be handed to guests (GCFG.GPMP).
  public var hasPMU = false
  /// The kernel counts the time that a vCPU waits (sched_info_on): steal time.
  public var hasStealTime = true
  /// Bytes of a page.
  public var pageSize = 16384
  /// Guest physical addresses are below 1 << this.
  public var guestAddressBits = 47
  /// What KVM_CAP_NR_VCPUS says.
  public var onlineCPUs = 4
  /// PRCFG1 to 3, which the kernel takes over from the hardware.
  public var privilegedConfiguration: [UInt64] = [0x72f8, 0x3fff_f000, 0x80_73f2]

  /// A host with these CPUCFG words and nothing else.
  public init(configuration: [UInt32]) { self.configuration = configuration }

  /// A 3A5000: LSX and LASX, no LBT, page table walker or message interrupts (reference D.2).
  public static var la464: Self {
    var words = [UInt32](repeating: 0, count: 21)
    words[0] = 0x0014_c010
    words[1] = 0x03f2_f2fe
    // LVZP besides what a guest may have.
    words[2] = 0x0060_c0cf | 1 << 10
    words[4] = 100_000_000
    words[5] = 0x0001_0001
    words[16] = 0x2c3d
    (words[17], words[18], words[19], words[20]) = (0x0608_0003, 0x0608_0003, 0x0608_000f, 0x060e_000f)
    return Self(configuration: words)
  }

  /// A 3A6000 as reported from one: also LBT, the walker, FRECIPE to SCQ and a PMU (reference D.2).
  public static var la664: Self {
    var host = la464
    host.configuration[0] = 0x0014_d010
    host.configuration[1] = 0x03f2_f2fe
    host.configuration[2] = 0x7f7c_cfcf
    host.configuration[3] = 0x00ce_fcff
    host.configuration[6] = 0x0000_3f41
    host.hasPMU = true
    return host
  }

  /// An LA464 without vector units.
  public static var withoutVectors: Self {
    var host = la464
    host.configuration[2] &= ~0xc0
    return host
  }

  func has(_ word: Int, bit: Int) -> Bool { configuration[word] >> UInt32(bit) & 1 == 1 }
  var hasMessageInterrupts: Bool { has(1, bit: 26) }
  /// Binary translation of x86, ARM and MIPS: CPUCFG word 2, bits 18 to 20.
  var translation: UInt32 { configuration[2] & 0x1c_0000 }
}
