import Hypervisor
import KVMHypervisor
import KVMKernelModel
import System
import Testing

@Suite struct KVMRefusalTests {
  /// Requests of a creation, each kind once: number, and what is set.
  private static func kinds() throws -> [KernelModel.Record] {
    let model = KernelModel()
    _ = try TestMachine(model, calls: model, vcpus: 2)
    var seen: [KernelModel.Record] = []
    for record in model.requests
    where !seen.contains(where: { $0.request == record.request && $0.first == record.first }) {
      seen.append(record)
    }
    return seen
  }

  @Test func whateverTheKernelRefusesNothingStaysOpen() throws {
    for kind in try Self.kinds() {
      for errno in [Failure.noMemory, Failure.invalid, Failure.permission] {
        let model = KernelModel()
        var isFirst = true
        let calls = AlteredCalls(model) {
          guard isFirst, $0.request == kind.request, $0.first == kind.first else { return .pass }
          isFirst = false
          return .answer(errno)
        }

        do {
          _ = try TestMachine(model, calls: calls, vcpus: 2)
        } catch let error as HypervisorError {
          #expect(!error.sentence.isEmpty)
        }

        #expect(calls.altered == 1, "\(kind)")
        #expect(model.openDescriptors == 0, "\(kind)")
        #expect(model.kernelHazards.isEmpty, "\(kind)")
      }
    }
  }

  @Test func aRunThatTheKernelRefusesEndsTheVCPU() throws {
    let model = KernelModel()
    let calls = AlteredCalls(model) { $0.request == 0xae80 ? .answer(Failure.fault) : .pass }
    let machine = try TestMachine(model, calls: calls)

    #expect(machine.run() == .failed)
  }

  @Test func registersThatTheKernelRefusesEndTheVCPU() throws {
    let model = KernelModel()
    let calls = AlteredCalls(model) { $0.request == 0x4108_ae82 ? .answer(Failure.invalid) : .pass }
    let machine = try TestMachine(model, calls: calls)

    machine.start(0, at: 0x1000)

    #expect(machine.run() == .failed)
  }

  @Test func aRefusedMachineSaysWhichCallAndWhy() throws {
    let model = KernelModel()
    let calls = AlteredCalls(model) { $0.request == 0xae01 ? .answer(Failure.noMemory) : .pass }

    #expect(throws: HypervisorError.system(SystemError("KVM_CREATE_VM", 12))) {
      _ = try TestMachine(model, calls: calls)
    }
  }

  @Test func exitsThatNobodyKnowsEndTheVCPU() throws {
    let model = KernelModel()
    // KVM_EXIT_UNKNOWN is what a new vCPU's kvm_run says.
    let calls = AlteredCalls(model) { $0.request == 0xae80 ? .answer(0) : .pass }
    let machine = try TestMachine(model, calls: calls)

    #expect(machine.run() == .failed)
  }
}
