import KVMHypervisor
import KVMKernelModel

/// What happens to a request on its way to the kernel.
enum Alteration: Sendable {
  case pass
  /// Answered with 0, and forgotten.
  case drop
  /// Answered with 0, and carried out after the first request that `until` says.
  case delay
  /// Answered with this, and not carried out.
  case answer(Int)
}

/// System calls with one wrong step: what a VMM with a mistake would do.
final class AlteredCalls: KVMCalls, @unchecked Sendable {
  let model: KernelModel
  private let choose: (KernelModel.Record) -> Alteration
  private let until: (KernelModel.Record) -> Bool
  private(set) var altered = 0
  /// The errno of `prepareThread`; 0: none.
  var threadError: Int32 = 0
  private var held: [(Int32, UInt32, UInt64, UInt64)] = []

  init(
    _ model: KernelModel, until: @escaping (KernelModel.Record) -> Bool = { _ in false },
    choose: @escaping (KernelModel.Record) -> Alteration
  ) {
    self.model = model
    self.choose = choose
    self.until = until
  }

  func control(_ descriptor: Int32, _ request: UInt32, _ argument: UInt) -> Int {
    let record = model.describe(descriptor, request, argument)
    switch choose(record) {
    case .drop:
      altered += 1
      return 0
    case .answer(let result):
      altered += 1
      return result
    case .delay:
      altered += 1
      hold(descriptor, request, argument)
      return 0
    case .pass:
      let result = model.control(descriptor, request, argument)
      if until(record) { release() }
      return result
    }
  }

  /// Registers only: their value is copied.
  private func hold(_ descriptor: Int32, _ request: UInt32, _ argument: UInt) {
    guard let structure = UnsafeRawPointer(bitPattern: argument) else { return }
    let id = structure.load(as: UInt64.self)
    let address = structure.load(fromByteOffset: 8, as: UInt.self)
    guard let value = UnsafeRawPointer(bitPattern: address)?.load(as: UInt64.self) else { return }
    held.append((descriptor, request, id, value))
  }

  private func release() {
    for (descriptor, request, id, value) in held {
      withUnsafePointer(to: value) { pointer in
        let structure: [UInt64] = [id, UInt64(UInt(bitPattern: pointer))]
        structure.withUnsafeBytes { _ = model.control(descriptor, request, UInt(bitPattern: $0.baseAddress)) }
      }
    }
    held = []
  }

  func map(_ descriptor: Int32, size: Int) -> UnsafeMutableRawPointer? { model.map(descriptor, size: size) }
  func unmap(_ base: UnsafeMutableRawPointer, size: Int) { model.unmap(base, size: size) }
  func close(_ descriptor: Int32) { model.close(descriptor) }
  func prepareThread() -> Int32 { threadError == 0 ? model.prepareThread() : -threadError }
  func interrupt(thread: Int32) { model.interrupt(thread: thread) }
  var pageSize: Int { model.pageSize }
  func hostConfiguration(_ word: UInt32) -> UInt32 { model.hostConfiguration(word) }
}

extension KernelModel.Record {
  /// A device attribute that is set.
  func sets(_ group: UInt64, _ attribute: UInt64) -> Bool {
    request == 0x4018_aee1 && first == group && second == attribute
  }
  /// A vCPU's control and status register that is set.
  func setsCSR(_ number: UInt64, vcpu: Int? = nil) -> Bool {
    guard request == 0x4010_aeac, second == 0x9030_0000_0001_0000 | number << 3 else { return false }
    return vcpu == nil || target == .vcpu(vcpu ?? 0)
  }
  func setsConfiguration(_ word: UInt64) -> Bool {
    request == 0x4010_aeac && second == 0x9030_0000_0004_0000 | word << 3
  }
}
