import Hypervisor
import KVMHypervisor
import KVMKernelModel
import System
import Testing

@testable import KVMCheckCore

/// What a check of `calls` finds. A guest that is waited for in vain is given up after `patience` nanoseconds.
private func check<Calls: KVMCalls>(
  _ calls: Calls, _ model: KernelModel, release: String = "7.2.12", patience: Int64 = 5_000_000_000
) -> (report: Report, obstacle: HypervisorError?) {
  let check = KVMCheck(calls: calls, kvm: model.system, release: KernelRelease(release), patience: patience)
  let obstacle = check.run()
  return (check.report, obstacle)
}

/// The checks that came to `verdict`.
private func checks(_ report: Report, _ verdict: Verdict) -> [String] {
  report.findings.filter { $0.verdict == verdict }.map(\.check)
}

struct SoundKernelTests {
  @Test(arguments: [(KernelVersion.v7_2, "7.2.12+deb14-loong64"), (.v7_3, "7.3.0-rc7")])
  func kernel7IsAsExpectedInAll(version: KernelVersion, release: String) {
    let model = KernelModel(version: version)

    let (report, obstacle) = check(model, model, release: release)

    #expect(obstacle == nil)
    #expect(checks(report, .differs) == [])
    #expect(checks(report, .notHere) == [])
    #expect(report.count(.ok) >= 70)
    #expect(report.exitStatus == 0)
    #expect(model.unknownRequests == [])
    #expect(model.unknownInstructions == [])
    #expect(model.kernelHazards == [])
  }

  @Test func nothingIsLeftOpenOrBound() {
    let model = KernelModel(version: .v7_2)

    _ = check(model, model)

    #expect(model.openDescriptors == 0)
  }

  @Test func kernel6_13IsAsExpectedWhereItCanBeChecked() {
    let model = KernelModel(version: .v6_13)

    let (report, obstacle) = check(model, model, release: "6.13.7")

    #expect(obstacle == nil)
    #expect(checks(report, .differs) == [])
    #expect(checks(report, .notHere) == ["KVM_SIGNAL_MSI 256", "save and restore"])
    #expect(report.exitStatus == 0)
    let reset = report.findings.first { $0.check == "new PCH-PIC: mask, routes, vectors" }
    #expect(reset?.seen.hasSuffix("as 6.13") == true)
  }

  @Test(arguments: [HostFeatures.la464, .la664, .withoutVectors])
  func everyCPUIsAsExpected(host: HostFeatures) {
    let model = KernelModel(version: .v7_2, host: host)

    let (report, _) = check(model, model)

    #expect(checks(report, .differs) == [])
  }

  @Test func kernelThatCarriesPartsOfFPRegistersIsNoFailureAndSaidToRefuseSaving() {
    let model = KernelModel(version: .v7_2)
    model.behaviour.copiesWholeFPURegisters = false

    let (report, _) = check(model, model)

    #expect(report.exitStatus == 0)
    #expect(checks(report, .notHere) == ["save and restore"])
    let told = report.findings.first { $0.check == "of each FP register are carried" }
    #expect(told?.seen == "4 bytes: saving and restoring a machine is refused")
  }
}

struct DefectTests {
  @Test(arguments: [
    ("loses irqfds", Defects.losesIRQFDs, "edge pin 2 signalled"),
    ("loses irqfds", Defects.losesIRQFDs, "interrupt by irqfd: COREISR in the handler"),
    ("loses doorbells", Defects.losesDoorbells, "another for the same stores"),
    ("loses doorbells", Defects.losesDoorbells, "doorbell: signals, and no exit"),
    ("loses doorbells", Defects.losesDoorbells, "other exits"),
    ("ignores messages", Defects.ignoresMessages, "KVM_SIGNAL_MSI 101: core, word 3"),
    ("ignores messages", Defects.ignoresMessages, "KVM_SIGNAL_MSI 256"),
    ("ignores routes", Defects.ignoresRoutes, "irqfd of message 100: core, word 3"),
    ("ignores lines", Defects.ignoresLines, "KVM_IRQ_LINE 0 of the level pin: clear"),
    ("has no dirty log", Defects.hasNoDirtyLog, "dirty log: pages, a bit each"),
    ("presets CPUID", Defects.presetsCPUID, "fresh vCPU 1: CPUID"),
    ("drops levels", Defects.dropsLevels, "level pin 3 signalled"),
    ("resets wrongly", Defects.resetsWrongly, "new PCH-PIC: mask, routes, vectors"),
    ("keeps targets", Defects.keepsTargets, "a vector of CPU 1: core of CPU 1"),
    ("takes irqfds early", Defects.takesIRQFDsEarly, "KVM_IRQFD without any device"),
  ])
  func kernelWithADefectDiffersInTheRightLine(
    defect: String, behaviour: @escaping DefectiveKernel.Defect, line: String
  ) {
    let model = KernelModel(version: .v7_2)

    let (report, obstacle) = check(DefectiveKernel(model, behaviour), model, patience: 20_000_000)

    #expect(obstacle == nil)
    #expect(checks(report, .differs).contains(line))
    #expect(report.exitStatus == 1)
  }

  @Test func capabilityOfAnotherValueDiffersInItsLineAlone() {
    let model = KernelModel(version: .v7_2)
    model.capabilities[25] = 1024

    let (report, _) = check(model, model)

    #expect(checks(report, .differs) == ["capability IRQ_ROUTING"])
    #expect(report.exitStatus == 1)
  }
}

struct UnfitKernelTests {
  @Test(arguments: [
    (KernelVersion.v6_12, HostShortcoming.noInterruptControllers), (.vendor, .vendorKVM),
  ])
  func kernelWithoutTheDevicesIsNamedAndNotChecked(version: KernelVersion, expected: HostShortcoming) {
    let model = KernelModel(version: version)

    let (report, obstacle) = check(model, model, release: "6.12.1")

    #expect(obstacle == .unavailable(expected))
    #expect(!report.findings.contains { $0.section != "Host" })
  }

  @Test func kernelOfAnotherInterfaceIsNamed() {
    let model = KernelModel()
    model.apiVersion = 11

    #expect(check(model, model).obstacle == .unavailable(.otherInterface(11)))
  }

  /// As under an emulator of programs that does not know KVM's requests.
  @Test func kernelThatAnswersNoRequestIsNamed() {
    let model = KernelModel()

    let obstacle = check(DefectiveKernel(model) { _, _, _, _ in -25 }, model).obstacle

    #expect(obstacle == .system(SystemError("KVM_GET_API_VERSION", 25)))
  }

  @Test func kernelWithoutIRQFDIsNamed() {
    let model = KernelModel()
    model.capabilities[32] = 0

    #expect(check(model, model).obstacle == .unavailable(.missingCapability(32)))
  }
}
