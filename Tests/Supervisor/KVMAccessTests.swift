import Control
import DeviceBus
import Foundation
import Hypervisor
import System
import Testing

@testable import atoll_supervisor

/// /dev/kvm by the host's kind and by what is at its path.
struct KVMAccessTests {
  /// A path with a file of this mode.
  private func withFile(mode: mode_t = 0o600, _ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("atoll-kvm-\(UUID().uuidString)").path
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    chmod(path, mode)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private func refusal(_ choice: HypervisorChoice, isLoongArch: Bool, path: String) -> Ending? {
    do {
      _ = try KVMAccess(choice, isLoongArch: isLoongArch, path: path)
      return nil
    } catch { return error }
  }

  @Test func softwareLeavesTheHostAlone() throws {
    let access = try KVMAccess(.soft, isLoongArch: true, path: "/nonexistent")
    #expect(access.demand == .soft && access.descriptors.isEmpty && access.reason == nil)
  }

  @Test(arguments: [(HypervisorChoice.auto, HypervisorDemand.kvmPreferred), (.kvm, .kvmRequired)])
  func openedFileGoesToTheVMM(_ choice: HypervisorChoice, _ demand: HypervisorDemand) throws {
    try withFile { path in
      let access = try KVMAccess(choice, isLoongArch: true, path: path)
      #expect(access.demand == demand && access.reason == nil)
      let descriptor = try #require(access.descriptors.first)
      #expect(fcntl(descriptor, F_GETFL) & O_ACCMODE == O_RDWR && fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }
  }

  @Test func anotherHostIsSoftAndSaysWhy() throws {
    try withFile { path in
      let access = try KVMAccess(.auto, isLoongArch: false, path: path)
      #expect(access.demand == .soft && access.descriptors.isEmpty)
      #expect(access.reason == "this host's CPUs are not LoongArch's")
      let ending = try #require(refusal(.kvm, isLoongArch: false, path: path))
      #expect(ending.status == 1 && ending.sentence?.contains("--hypervisor soft") == true)
    }
  }

  @Test(arguments: [
    ("/nonexistent/kvm", "there is no /dev/kvm"), ("/", "open: is a directory"),
    ("/dev/null/kvm", "open: not a directory"),
  ])
  func fileThatDoesNotOpenIsSoftOrASentence(_ path: String, _ words: String) throws {
    let access = try KVMAccess(.auto, isLoongArch: true, path: path)
    #expect(access.demand == .soft && access.reason == words)
    let ending = try #require(refusal(.kvm, isLoongArch: true, path: path))
    #expect(ending.status == 1 && ending.sentence?.hasPrefix(words) == true)
  }

  @Test(arguments: [
    (Int32(2), HypervisorError.unavailable(.noKVM)), (6, .unavailable(.noKVM)), (19, .unavailable(.noKVM)),
    (1, .unavailable(.notPermitted)), (13, .unavailable(.notPermitted)), (24, .system(SystemError("open", 24))),
  ])
  func failureToOpenHasAMeaning(_ number: Int32, _ meaning: HypervisorError) {
    #expect(KVMAccess.meaning(SystemError("open", number)) == meaning)
  }

  @Test(.enabled(if: geteuid() != 0, "root may open every file"))
  func fileOfOthersIsSoftOrASentence() throws {
    try withFile(mode: 0) { path in
      let access = try KVMAccess(.auto, isLoongArch: true, path: path)
      #expect(access.reason == "/dev/kvm is not open to this user")
      #expect(refusal(.kvm, isLoongArch: true, path: path)?.sentence?.contains("add the user to its group") == true)
    }
  }

  @Test func lineSaysWhichAndWhyIfTheHostDecided() throws {
    func line(_ ready: MachineReady, _ asked: HypervisorChoice, isLoongArch: Bool = true) throws -> String {
      var line = ""
      try withFile { path in
        let access = try KVMAccess(asked, isLoongArch: isLoongArch, path: path)
        line = HypervisorLine.text(ready, access, asked: asked)
      }
      return line
    }
    #expect(try line(MachineReady(.soft), .soft) == "the hypervisor is soft, as asked for")
    #expect(try line(MachineReady(.kvm), .kvm) == "the hypervisor is kvm, as asked for")
    #expect(try line(MachineReady(.kvm), .auto) == "the hypervisor is kvm, because this host has it")
    #expect(
      try line(MachineReady(.soft), .auto, isLoongArch: false)
        == "the hypervisor is soft, because this host's CPUs are not LoongArch's")
    #expect(
      try line(MachineReady(.soft, reason: "the kernel's KVM has no LS7A interrupt controllers"), .auto)
        == "the hypervisor is soft, because the kernel's KVM has no LS7A interrupt controllers")
  }
}
