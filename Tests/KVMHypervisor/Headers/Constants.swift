@testable import KVMCheckCore
@testable import KVMHypervisor

/// A constant, and the same in C.
struct Constant {
  /// "Type.name", or "name" outside of a type.
  let name: String
  let value: UInt64
  let expression: String

  init<V: BinaryInteger>(_ name: String, _ value: V, _ expression: String) {
    self.name = name
    self.value = UInt64(truncatingIfNeeded: value)
    self.expression = expression
  }

  /// Of the kernel's interface.
  static let all: [Constant] = generic + runArea + devices + features + checked

  private static let generic: [Constant] = [
    Constant("kvmInterfaceVersion", kvmInterfaceVersion, "KVM_API_VERSION"),
    Constant("KVMCapability.userMemory", KVMCapability.userMemory, "KVM_CAP_USER_MEMORY"),
    Constant("KVMCapability.mpState", KVMCapability.mpState, "KVM_CAP_MP_STATE"),
    Constant("KVMCapability.irqRouting", KVMCapability.irqRouting, "KVM_CAP_IRQ_ROUTING"),
    Constant("KVMCapability.irqfd", KVMCapability.irqfd, "KVM_CAP_IRQFD"),
    Constant("KVMCapability.ioeventfd", KVMCapability.ioeventfd, "KVM_CAP_IOEVENTFD"),
    Constant("KVMCapability.ioeventfdAnyLength", KVMCapability.ioeventfdAnyLength, "KVM_CAP_IOEVENTFD_ANY_LENGTH"),
    Constant("KVMCapability.signalMSI", KVMCapability.signalMSI, "KVM_CAP_SIGNAL_MSI"),
    Constant("KVMCapability.deviceControl", KVMCapability.deviceControl, "KVM_CAP_DEVICE_CTRL"),
    Constant("KVMCapability.immediateExit", KVMCapability.immediateExit, "KVM_CAP_IMMEDIATE_EXIT"),
    Constant("KVMMemoryRegion.logDirtyPages", KVMMemoryRegion.logDirtyPages, "KVM_MEM_LOG_DIRTY_PAGES"),
    Constant("KVMMemoryRegion.readOnly", KVMMemoryRegion.readOnly, "KVM_MEM_READONLY"),
    Constant("KVMIRQFD.deassign", KVMIRQFD.deassign, "KVM_IRQFD_FLAG_DEASSIGN"),
    Constant("KVMIOEventFD.datamatch", KVMIOEventFD.datamatch, "KVM_IOEVENTFD_FLAG_DATAMATCH"),
    Constant("KVMIOEventFD.deassign", KVMIOEventFD.deassign, "KVM_IOEVENTFD_FLAG_DEASSIGN"),
    Constant("KVMRoutingEntry.irqchip", KVMRoutingEntry.irqchip, "KVM_IRQ_ROUTING_IRQCHIP"),
    Constant("KVMRoutingEntry.msi", KVMRoutingEntry.msi, "KVM_IRQ_ROUTING_MSI"),
    Constant("KVMCreateDevice.test", KVMCreateDevice.test, "KVM_CREATE_DEVICE_TEST"),
    Constant("KVMExitReason.mmio", KVMExitReason.mmio, "KVM_EXIT_MMIO"),
    Constant("KVMExitReason.interrupted", KVMExitReason.interrupted, "KVM_EXIT_INTR"),
    Constant("KVMExitReason.internalError", KVMExitReason.internalError, "KVM_EXIT_INTERNAL_ERROR"),
    Constant("kvmExitIOCSR", kvmExitIOCSR, "KVM_EXIT_LOONGARCH_IOCSR"),
  ]

  /// One row for an access to memory; `alike` has those to a register of I/O.
  private static let runArea: [Constant] = [
    Constant("KVMRunArea.immediateExit", KVMRunArea.immediateExit, run("immediate_exit")),
    Constant("KVMRunArea.exitReason", KVMRunArea.exitReason, run("exit_reason")),
    Constant("KVMRunArea.address", KVMRunArea.address, run("mmio.phys_addr")),
    Constant("KVMRunArea.data", KVMRunArea.data, run("mmio.data")),
    Constant("KVMRunArea.length", KVMRunArea.length, run("mmio.len")),
    Constant("KVMRunArea.isWrite", KVMRunArea.isWrite, run("mmio.is_write")),
    Constant("KVMRunArea.suberror", KVMRunArea.suberror, run("internal.suberror")),
  ]

  /// What the code takes for the same as something else.
  static let alike: [Constant] = [
    Constant("address of an IOCSR access", KVMRunArea.address, run("iocsr_io.phys_addr")),
    Constant("data of an IOCSR access", KVMRunArea.data, run("iocsr_io.data")),
    Constant("length of an IOCSR access", KVMRunArea.length, run("iocsr_io.len")),
    Constant("direction of an IOCSR access", KVMRunArea.isWrite, run("iocsr_io.is_write")),
    Constant("bytes of IOCSR data", 8, "sizeof(((struct kvm_run *)0)->iocsr_io.data)"),
    Constant("bytes of MMIO data", 8, "sizeof(((struct kvm_run *)0)->mmio.data)"),
    Constant("a vCPU that may run", 0, "KVM_MP_STATE_RUNNABLE"),
    Constant("the one MP state's size", 4, "sizeof(struct kvm_mp_state)"),
    Constant("CSR 0x20", KVMRegisterID.csr(0x20), "KVM_IOC_CSRID(0x20)"),
    Constant("CSR 0x502", KVMRegisterID.csr(0x502), "KVM_IOC_CSRID(0x502)"),
    Constant("CPUCFG word 0", KVMRegisterID.configuration(0), "KVM_IOC_CPUCFG(0)"),
    Constant("CPUCFG word 20", KVMRegisterID.configuration(20), "KVM_IOC_CPUCFG(20)"),
    Constant("vCPUs at most", KVMHypervisor<KernelCalls>.maximumVCPUs, "KVM_MAX_CORES"),
    Constant("pins", InterruptControllers<KernelCalls>.pins, "KVM_IRQCHIP_NUM_PINS"),
    Constant("irqchips", 1, "KVM_NR_IRQCHIPS"),
  ]

  private static let devices: [Constant] = [
    Constant("KVMDeviceType.ipi", KVMDeviceType.ipi, "KVM_DEV_TYPE_LOONGARCH_IPI"),
    Constant("KVMDeviceType.eiointc", KVMDeviceType.eiointc, "KVM_DEV_TYPE_LOONGARCH_EIOINTC"),
    Constant("KVMDeviceType.pchPIC", KVMDeviceType.pchPIC, "KVM_DEV_TYPE_LOONGARCH_PCHPIC"),
    Constant("KVMDeviceGroup.ipiRegisters", KVMDeviceGroup.ipiRegisters, "KVM_DEV_LOONGARCH_IPI_GRP_REGS"),
    Constant("KVMDeviceGroup.eiointcRegisters", KVMDeviceGroup.eiointcRegisters, "KVM_DEV_LOONGARCH_EXTIOI_GRP_REGS"),
    Constant("KVMDeviceGroup.eiointcStatus", KVMDeviceGroup.eiointcStatus, "KVM_DEV_LOONGARCH_EXTIOI_GRP_SW_STATUS"),
    Constant("KVMDeviceGroup.eiointcControl", KVMDeviceGroup.eiointcControl, "KVM_DEV_LOONGARCH_EXTIOI_GRP_CTRL"),
    Constant("KVMDeviceGroup.pchPICRegisters", KVMDeviceGroup.pchPICRegisters, "KVM_DEV_LOONGARCH_PCH_PIC_GRP_REGS"),
    Constant("KVMDeviceGroup.pchPICControl", KVMDeviceGroup.pchPICControl, "KVM_DEV_LOONGARCH_PCH_PIC_GRP_CTRL"),
    Constant("KVMDeviceGroup.initCPUs", KVMDeviceGroup.initCPUs, "KVM_DEV_LOONGARCH_EXTIOI_CTRL_INIT_NUM_CPU"),
    Constant("KVMDeviceGroup.initFeatures", KVMDeviceGroup.initFeatures, "KVM_DEV_LOONGARCH_EXTIOI_CTRL_INIT_FEATURE"),
    Constant("KVMDeviceGroup.loadFinished", KVMDeviceGroup.loadFinished, "KVM_DEV_LOONGARCH_EXTIOI_CTRL_LOAD_FINISHED"),
    Constant("KVMDeviceGroup.state", KVMDeviceGroup.state, "KVM_DEV_LOONGARCH_EXTIOI_SW_STATUS_STATE"),
    Constant("KVMDeviceGroup.initBase", KVMDeviceGroup.initBase, "KVM_DEV_LOONGARCH_PCH_PIC_CTRL_INIT"),
  ]

  private static let features: [Constant] = [
    Constant("KVMMachineFeature.group", KVMMachineFeature.group, "KVM_LOONGARCH_VM_FEAT_CTRL"),
    Constant("KVMMachineFeature.lsx", KVMMachineFeature.lsx, "KVM_LOONGARCH_VM_FEAT_LSX"),
    Constant("KVMMachineFeature.lasx", KVMMachineFeature.lasx, "KVM_LOONGARCH_VM_FEAT_LASX"),
    Constant("KVMMachineFeature.paravirtualIPI", KVMMachineFeature.paravirtualIPI, "KVM_LOONGARCH_VM_FEAT_PV_IPI"),
    Constant(
      "KVMMachineFeature.paravirtualStealTime", KVMMachineFeature.paravirtualStealTime,
      "KVM_LOONGARCH_VM_FEAT_PV_STEALTIME"),
    Constant(
      "KVMMachineFeature.paravirtualPreemption", KVMMachineFeature.paravirtualPreemption,
      "KVM_LOONGARCH_VM_FEAT_PV_PREEMPT"),
    Constant("KVMVCPUAttribute.configurationGroup", KVMVCPUAttribute.configurationGroup, "KVM_LOONGARCH_VCPU_CPUCFG"),
    Constant("KVMVCPUAttribute.paravirtualFeatures", KVMVCPUAttribute.paravirtualFeatures, "CPUCFG_KVM_FEATURE"),
    Constant("KVMVCPUAttribute.stealTimeGroup", KVMVCPUAttribute.stealTimeGroup, "KVM_LOONGARCH_VCPU_PVTIME_CTRL"),
    Constant("KVMVCPUAttribute.stealTimeAddress", KVMVCPUAttribute.stealTimeAddress, "KVM_LOONGARCH_VCPU_PVTIME_GPA"),
    Constant("ParavirtualFeature.ipi", ParavirtualFeature.ipi, "1ULL << KVM_FEATURE_IPI"),
    Constant("ParavirtualFeature.stealTime", ParavirtualFeature.stealTime, "1ULL << KVM_FEATURE_STEAL_TIME"),
    Constant("ParavirtualFeature.preemption", ParavirtualFeature.preemption, "1ULL << KVM_FEATURE_PREEMPT"),
    Constant("ParavirtualFeature.extendedIOI", ParavirtualFeature.extendedIOI, "1ULL << KVM_FEATURE_VIRT_EXTIOI"),
    Constant("KVMRegisterID.counter", KVMRegisterID.counter, "KVM_REG_LOONGARCH_COUNTER"),
  ]

  /// What atoll-kvm-check alone asks for.
  private static let checked: [Constant] = [
    Constant("CheckedCapability.readOnlyMemory", CheckedCapability.readOnlyMemory, "KVM_CAP_READONLY_MEM"),
    Constant("CheckedCapability.maximumVCPUs", CheckedCapability.maximumVCPUs, "KVM_CAP_MAX_VCPUS"),
    Constant("CheckedCapability.irqfdResample", CheckedCapability.irqfdResample, "KVM_CAP_IRQFD_RESAMPLE"),
    Constant("CheckedDeviceType.dmsintc", CheckedDeviceType.dmsintc, "KVM_DEV_TYPE_LOONGARCH_DMSINTC"),
  ]

  private static func run(_ field: String) -> String { "__builtin_offsetof(struct kvm_run, \(field))" }
}
