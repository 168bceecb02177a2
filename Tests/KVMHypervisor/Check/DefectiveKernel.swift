import KVMHypervisor
import KVMKernelModel

/// A kernel with one thing wrong: the model, and what is done to its requests.
final class DefectiveKernel: KVMCalls, @unchecked Sendable {
  /// Takes a request that the model is given, does with it what it likes, and returns what the caller gets.
  typealias Defect = @Sendable (KernelModel, _ descriptor: Int32, _ request: UInt32, _ argument: UInt) -> Int

  let model: KernelModel
  private let defect: Defect

  init(_ model: KernelModel, _ defect: @escaping Defect) {
    self.model = model
    self.defect = defect
  }

  func control(_ descriptor: Int32, _ request: UInt32, _ argument: UInt) -> Int {
    defect(model, descriptor, request, argument)
  }
  func map(_ descriptor: Int32, size: Int) -> UnsafeMutableRawPointer? { model.map(descriptor, size: size) }
  func unmap(_ base: UnsafeMutableRawPointer, size: Int) { model.unmap(base, size: size) }
  func close(_ descriptor: Int32) { model.close(descriptor) }
  func prepareThread() -> Int32 { model.prepareThread() }
  func interrupt(thread: Int32) { model.interrupt(thread: thread) }
  var pageSize: Int { model.pageSize }
  func hostConfiguration(_ word: UInt32) -> UInt32 { model.hostConfiguration(word) }
}

/// Requests that defects are about, by their numbers of reference A.1.
private enum Number {
  static let irqfd: UInt32 = 0x4020_ae76
  static let ioeventfd: UInt32 = 0x4040_ae79
  static let getOneRegister: UInt32 = 0x4010_aeab
  static let signalMSI: UInt32 = 0x4020_aea5
  static let createDevice: UInt32 = 0xc00c_aee0
  static let setAttribute: UInt32 = 0x4018_aee1
  static let getAttribute: UInt32 = 0x4018_aee2
  static let getDirtyLog: UInt32 = 0x4010_ae42
  static let setRouting: UInt32 = 0x4008_ae6a
  static let irqLine: UInt32 = 0x4008_ae61
}

/// What can be wrong with a kernel.
enum Defects {
  /// Requests of one number are answered with success, and nothing is done.
  private static func ignoring(_ number: UInt32) -> DefectiveKernel.Defect {
    { model, descriptor, request, argument in
      request == number ? 0 : model.control(descriptor, request, argument)
    }
  }

  static let losesIRQFDs = ignoring(Number.irqfd)
  static let losesDoorbells = ignoring(Number.ioeventfd)
  static let ignoresMessages = ignoring(Number.signalMSI)
  static let ignoresRoutes = ignoring(Number.setRouting)
  static let ignoresLines = ignoring(Number.irqLine)
  static let hasNoDirtyLog = ignoring(Number.getDirtyLog)

  /// The EIOINTC does not work out where vectors lead: group 0x40000004, attribute 3.
  static let keepsTargets: DefectiveKernel.Defect = { model, descriptor, request, argument in
    guard request == Number.setAttribute, let structure = UnsafeRawPointer(bitPattern: argument),
      structure.load(fromByteOffset: 4, as: UInt32.self) == 0x4000_0004,
      structure.load(fromByteOffset: 8, as: UInt64.self) == 3
    else { return model.control(descriptor, request, argument) }
    return 0
  }

  /// Fills the structure at `address` of KVM_GET_ONE_REG or KVM_GET_DEVICE_ATTR with something else after the kernel has.
  private static func changing(
    _ number: UInt32, when isMeant: @escaping @Sendable (_ argument: UnsafeRawPointer) -> Bool,
    address offset: Int, _ change: @escaping @Sendable (UInt64) -> UInt64
  ) -> DefectiveKernel.Defect {
    { model, descriptor, request, argument in
      let result = model.control(descriptor, request, argument)
      guard request == number, result == 0, let structure = UnsafeRawPointer(bitPattern: argument), isMeant(structure),
        let place = UnsafeMutableRawPointer(bitPattern: UInt(structure.load(fromByteOffset: offset, as: UInt64.self)))
      else { return result }
      place.storeBytes(of: change(place.load(as: UInt64.self)), as: UInt64.self)
      return result
    }
  }

  /// A new vCPU has CPUID 0 at once.
  static let presetsCPUID = changing(
    Number.getOneRegister, when: { $0.load(as: UInt64.self) == 0x9030_0000_0001_0100 }, address: 8, { $0 & 0xff })

  /// A level pin falls by itself, as where an irqfd's pulse has two halves.
  static let dropsLevels = changing(
    Number.getAttribute,
    when: {
      let offset = $0.load(fromByteOffset: 8, as: UInt64.self)
      return $0.load(fromByteOffset: 4, as: UInt32.self) == 0x4000_0005 && (offset == 0x380 || offset == 0x3a0)
    }, address: 16, { $0 & ~8 })

  /// The mask of a new PCH-PIC is neither all ones nor zero.
  static let resetsWrongly: DefectiveKernel.Defect = { model, descriptor, request, argument in
    let result = model.control(descriptor, request, argument)
    guard request == Number.createDevice, result == 0, let structure = UnsafeRawPointer(bitPattern: argument),
      structure.load(as: UInt32.self) == 14, structure.load(fromByteOffset: 8, as: UInt32.self) & 1 == 0
    else { return result }
    let device = structure.load(fromByteOffset: 4, as: Int32.self)
    withUnsafePointer(to: UInt64(0xff)) { value in
      // struct kvm_device_attr: no flags and the group, the register, the value's place.
      let attribute: [UInt64] = [0x4000_0005 << 32, 0x20, UInt64(UInt(bitPattern: value))]
      attribute.withUnsafeBufferPointer {
        _ = model.control(device, Number.setAttribute, UInt(bitPattern: $0.baseAddress))
      }
    }
    return result
  }

  /// KVM_IRQFD is accepted when nothing is there to take an interrupt.
  static let takesIRQFDsEarly: DefectiveKernel.Defect = { model, descriptor, request, argument in
    let result = model.control(descriptor, request, argument)
    return request == Number.irqfd && result == -11 ? 0 : result
  }
}
