// What KVM's interface has on LoongArch alone: Linux 7.2, arch/loongarch/include/uapi/asm/kvm.h; reference A.1 to A.4.

extension KVMRequest {
  package static var getRegisters: Self { Self(0x8108_ae81, "KVM_GET_REGS") }
  package static var setRegisters: Self { Self(0x4108_ae82, "KVM_SET_REGS") }
  package static var getFPU: Self { Self(0x8410_ae8c, "KVM_GET_FPU") }
  package static var setFPU: Self { Self(0x4410_ae8d, "KVM_SET_FPU") }
  /// Of Loongson's vendor kernels only, where it answers for every machine (reference F).
  package static var vendorGetCPUCFG: Self { Self(0x8100_aed2, "KVM_LOONGARCH_GET_CPUCFG") }
}

/// struct kvm_regs
struct KVMRegisters: BitwiseCopyable {
  var gpr = InlineArray<32, UInt64>(repeating: 0)
  var pc: UInt64 = 0
}

/// struct kvm_fpu
struct KVMFloatRegisters: BitwiseCopyable {
  var control: UInt32 = 0
  var padding: UInt32 = 0
  var conditions: UInt64 = 0
  var vectors = InlineArray<128, UInt64>(repeating: 0)
}

/// The numbers by which KVM_GET_ONE_REG and KVM_SET_ONE_REG know a register: KVM_REG_LOONGARCH, a size of 64 bits, a set and
/// an index.
package enum KVMRegisterID {
  package static func csr(_ number: UInt16) -> UInt64 { 0x9030_0000_0001_0000 | UInt64(number) << 3 }
  package static func configuration(_ word: Int) -> UInt64 { 0x9030_0000_0004_0000 | UInt64(word) << 3 }
  /// The guest's stable counter, of the whole machine; set through vCPU 0.
  package static let counter: UInt64 = 0x9030_0000_0002_0001
}

/// Types for KVM_CREATE_DEVICE.
package enum KVMDeviceType {
  package static let ipi: UInt32 = 12
  package static let eiointc: UInt32 = 13
  package static let pchPIC: UInt32 = 14
}

/// Groups and attributes of the devices.
package enum KVMDeviceGroup {
  package static let ipiRegisters: UInt32 = 0x4000_0001
  package static let eiointcRegisters: UInt32 = 0x4000_0002
  package static let eiointcStatus: UInt32 = 0x4000_0003
  package static let eiointcControl: UInt32 = 0x4000_0004
  package static let pchPICRegisters: UInt32 = 0x4000_0005
  package static let pchPICControl: UInt32 = 0x4000_0006

  // Of eiointcControl.
  package static let initCPUs: UInt64 = 0
  package static let initFeatures: UInt64 = 1
  package static let loadFinished: UInt64 = 3
  // Of eiointcStatus.
  package static let state: UInt64 = 2
  // Of pchPICControl.
  package static let initBase: UInt64 = 0
}

/// Attributes of the machine: group and what is asked for.
package enum KVMMachineFeature {
  package static let group: UInt32 = 0
  package static let lsx: UInt64 = 0
  package static let lasx: UInt64 = 1
  package static let paravirtualIPI: UInt64 = 6
  package static let paravirtualStealTime: UInt64 = 7
  package static let paravirtualPreemption: UInt64 = 10
}

/// Attributes of a vCPU.
package enum KVMVCPUAttribute {
  /// Of this group: a CPUCFG word for its mask, or the number of the paravirtual word for its value.
  package static let configurationGroup: UInt32 = 0
  package static let paravirtualFeatures: UInt64 = 0x4000_0004
  package static let stealTimeGroup: UInt32 = 1
  package static let stealTimeAddress: UInt64 = 0
}

/// Bits of CPUCFG word 0x4000_0004.
package enum ParavirtualFeature {
  package static let ipi: UInt32 = 1 << 1
  package static let stealTime: UInt32 = 1 << 2
  package static let preemption: UInt32 = 1 << 3
  /// The EIOINTC's virtual extension.
  package static let extendedIOI: UInt32 = 1 << 24
}

/// KVM_EXIT_LOONGARCH_IOCSR.
package let kvmExitIOCSR: UInt32 = 38
