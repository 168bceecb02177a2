import Hypervisor
import KVMHypervisor
import System

extension KVMCheck {
  /// The kernel, and what it says of its KVM.
  func checkHost() {
    report.begin("Host")
    report.tell("kernel release", release.text)
    report.expect(
      "size of a page", "a divisor of 16384", seen: "\(calls.pageSize)",
      isRight: calls.pageSize > 0 && 16384 % calls.pageSize == 0)
    report.expect(
      "KVM_GET_API_VERSION", "\(kvmInterfaceVersion)",
      seen: outcome(calls.control(kvm, KVMRequest.getAPIVersion.number, 0)))
    for (name, number, value) in Self.capabilities {
      let seen = calls.control(kvm, KVMRequest.checkExtension.number, UInt(number))
      report.expect("capability \(name)", "\(value)", seen: outcome(seen))
    }
  }

  /// With the values of every kernel from 6.13 on (reference A.7).
  private static var capabilities: [(String, Int, Int)] {
    [
      ("USER_MEMORY", KVMCapability.userMemory, 1), ("MP_STATE", KVMCapability.mpState, 1),
      ("IRQ_ROUTING", KVMCapability.irqRouting, 4096), ("IRQFD", KVMCapability.irqfd, 1),
      // A resamplefd is accepted and never signalled: pins that irqfds drive must be edge.
      ("IRQFD_RESAMPLE", CheckedCapability.irqfdResample, 0), ("IOEVENTFD", KVMCapability.ioeventfd, 1),
      ("IOEVENTFD_ANY_LENGTH", KVMCapability.ioeventfdAnyLength, 1), ("SIGNAL_MSI", KVMCapability.signalMSI, 1),
      ("MAX_VCPUS", CheckedCapability.maximumVCPUs, 256), ("READONLY_MEM", CheckedCapability.readOnlyMemory, 1),
      ("DEVICE_CTRL", KVMCapability.deviceControl, 1), ("IMMEDIATE_EXIT", KVMCapability.immediateExit, 1),
    ]
  }

  /// What a machine can have.
  func checkMachine() {
    report.begin("Machine")
    do throws(HypervisorError) {
      let raw = try RawMachine(calls: calls, kvm: kvm)
      checkDeviceTypes(raw)
      tellFeatures(raw)
      try checkConfiguration(raw)
    } catch {
      report.expect("a machine with 2 vCPUs", "made", seen: error.sentence)
    }
  }

  private func checkDeviceTypes(_ raw: RawMachine<Calls>) {
    let types = [("IPI", KVMDeviceType.ipi), ("EIOINTC", KVMDeviceType.eiointc), ("PCHPIC", KVMDeviceType.pchPIC)]
    for (name, type) in types {
      report.expect(
        "device \(name), type \(type)", "there",
        seen: KVMDevice.exists(raw.machine, type: type) ? "there" : "missing")
    }
    let hasMessages = KVMDevice.exists(raw.machine, type: CheckedDeviceType.dmsintc)
    report.tell("device DMSINTC, type \(CheckedDeviceType.dmsintc)", hasMessages ? "there" : "missing")
  }

  private func tellFeatures(_ raw: RawMachine<Calls>) {
    let names = [
      "LSX", "LASX", "X86BT", "ARMBT", "MIPSBT", "PMU", "PV_IPI", "PV_STEALTIME", "PTW", "MSGINT", "PV_PREEMPT",
    ]
    var there = ""
    for (attribute, name) in names.enumerated()
    where calls.hasAttribute(raw.machine.descriptor, KVMMachineFeature.group, UInt64(attribute)) {
      there += (there.utf8.isEmpty ? "" : " ") + name
    }
    report.tell("features 0 to 10 of a machine", there.utf8.isEmpty ? "none" : there)
  }

  /// CPUCFG: which bits of each word a guest may have, and what the host's CPU has itself.
  private func checkConfiguration(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    var rest: UInt64 = 0
    for word in 0...20 {
      var mask: UInt64 = 0
      try calls.getAttribute(
        raw.vcpus[0].descriptor, KVMVCPUAttribute.configurationGroup, UInt64(word), &mask)
      guard word < 7 || word > 15 else {
        rest |= mask
        continue
      }
      let seen = "\(hex(mask)) (host \(hex(UInt64(calls.hostConfiguration(UInt32(word))))))"
      guard word == 2 else {
        report.tell("CPUCFG word \(word), mask", seen)
        continue
      }
      // FP, FP_SP, FP_DP and LLFTP: what every guest needs.
      report.expect("CPUCFG word 2, mask", "with bits 0x4007", seen: seen, isRight: mask & 0x4007 == 0x4007)
    }
    report.expect("CPUCFG words 7 to 15, masks", "0x0", seen: hex(rest))
  }
}
