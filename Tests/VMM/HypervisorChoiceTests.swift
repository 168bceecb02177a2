import DeviceBus
import Glibc
import Hypervisor
import ProcessSupport
import System
import Testing

@testable import VMMCore

/// The program `atoll-vmm`, told which hypervisor to take.
@Suite struct HypervisorChoiceTests {
  private enum Answer: Equatable {
    case ready(HypervisorKind, String)
    case failed(String)
  }

  /// What it says first, and how it ends when its supervisor tells it to or goes away.
  private func start(
    _ demand: HypervisorDemand, kvm path: String? = nil, rom: Bool = false
  ) throws -> (answer: Answer, end: Child.End) {
    let pair = try MessageSocket.pair()
    let channel = Channel(owning: FileDescriptor(owning: pair.0))
    let theirs = FileDescriptor(owning: pair.1)
    let log = FileDescriptor(owning: try SystemError.check("open", open("/dev/null", O_RDWR | O_CLOEXEC)))
    let child = try Child("atoll-vmm", descriptors: [log.raw, log.raw, log.raw, theirs.raw])
    let ram = try MemoryFile.create("ram", size: 1 << 20)
    var files = [ram.raw]
    let flash = try MemoryFile.create("rom", size: 16384)
    if rom { files.append(flash.raw) }
    let kvm = FileDescriptor(owning: path.map { open($0, O_RDWR | O_CLOEXEC) } ?? -1)
    if path != nil { files.append(kvm.raw) }
    let setup = MachineSetup(vcpus: 2, ramBytes: 1 << 20, romBytes: rom ? 16384 : 0, hypervisor: demand)
    try channel.send(setup, descriptors: files)
    guard let message = try channel.receive() else { throw MessageError.truncated }
    let answer: Answer
    if message.request == .machineReady {
      let ready: MachineReady = try message.decode()
      answer = .ready(ready.hypervisor, ready.reason)
      try channel.send(Stop())
    } else {
      answer = .failed(try message.decode(MachineFailed.self).text)
    }
    return (answer, child.wait())
  }

  @Test(arguments: [false, true]) func softwareIsTakenWithoutAsking(rom: Bool) throws {
    let (answer, end) = try start(.soft, rom: rom)
    #expect(answer == .ready(.soft, "") && end == .status(0))
  }

  @Test(arguments: [false, true]) func softwareTakesThePlaceOfAPreferredKVMThatIsNone(rom: Bool) throws {
    let (answer, end) = try start(.kvmPreferred, kvm: "/dev/null", rom: rom)
    guard case .ready(.soft, let reason) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(reason.hasPrefix("KVM_GET_API_VERSION") && end == .status(0))
  }

  @Test func requiredKVMThatIsNoneEndsTheProgramWithASentence() throws {
    let (answer, end) = try start(.kvmRequired, kvm: "/dev/null")
    guard case .failed(let sentence) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(sentence.hasPrefix("KVM_GET_API_VERSION") && end == .status(1))
  }

  #if !arch(loongarch64)
    static let kvmOpens = access("/dev/kvm", R_OK | W_OK) == 0

    @Test(.enabled(if: HypervisorChoiceTests.kvmOpens, "/dev/kvm is not there or not open to this user"))
    func kernelWithoutLoongArchsInterruptControllersIsSaidToBeOne() throws {
      let shortcoming = HostShortcoming.noInterruptControllers
      #expect(try start(.kvmPreferred, kvm: "/dev/kvm").answer == .ready(.soft, shortcoming.reason))
      let refused = try start(.kvmRequired, kvm: "/dev/kvm", rom: true)
      #expect(refused.answer == .failed(shortcoming.sentence) && refused.end == .status(1))
    }
  #endif
}
