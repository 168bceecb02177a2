import Glibc
import KVMKernelModel
import Testing

/// A field of a request's structure.
enum Field {
  case u32(UInt32)
  case u64(UInt64)
}

/// A machine made by bare requests, as a VMM without the product's code would make it: for tests of the model itself.
final class RawMachine {
  let model: KernelModel
  let machine: Int32
  var vcpus: [Int32] = []
  var devices: [UInt32: Int32] = [:]
  private(set) var memories: [GuestMemory] = []

  init(_ model: KernelModel = KernelModel(), vcpus count: Int = 1, irqchip: Bool = true) {
    self.model = model
    machine = Int32(model.control(model.system, 0xae01, 0))
    for id in 0..<count { vcpus.append(Int32(model.control(machine, 0xae41, UInt(id)))) }
    guard irqchip else { return }
    for type in [DeviceType.ipi, DeviceType.eiointc, DeviceType.pchPIC] { _ = create(type) }
    _ = set(DeviceType.eiointc, 0x4000_0004, 0, UInt32(count))
    _ = set(DeviceType.eiointc, 0x4000_0004, 1, UInt32(0))
    _ = set(DeviceType.pchPIC, 0x4000_0006, 0, UInt64(0x1000_0000))
    for id in 0..<count { _ = setCSR(id, 0x20, UInt64(id)) }
    resetPIC()
  }

  /// What 6.13 needs and 7.2 has.
  private func resetPIC() {
    _ = set(DeviceType.pchPIC, 0x4000_0005, 0x20, UInt64.max)
    for pin in 0..<64 {
      _ = set(DeviceType.pchPIC, 0x4000_0005, 0x100 + UInt64(pin), UInt8(1))
      _ = set(DeviceType.pchPIC, 0x4000_0005, 0x200 + UInt64(pin), UInt8(pin))
    }
  }

  // MARK: requests

  func request(_ descriptor: Int32, _ number: UInt32, _ fields: Field...) -> Int {
    var bytes = Self.bytes(fields)
    return bytes.withUnsafeMutableBytes { model.control(descriptor, number, UInt(bitPattern: $0.baseAddress)) }
  }

  static func bytes(_ fields: [Field]) -> [UInt8] {
    var bytes: [UInt8] = []
    for field in fields {
      switch field {
      case .u32(let value): withUnsafeBytes(of: value) { bytes += $0 }
      case .u64(let value): withUnsafeBytes(of: value) { bytes += $0 }
      }
    }
    // As large as the largest structure.
    return bytes + [UInt8](repeating: 0, count: max(0, 1280 - bytes.count))
  }

  func create(_ type: UInt32, flags: UInt32 = 0) -> Int {
    var bytes = Self.bytes([.u32(type), .u32(0), .u32(flags)])
    return bytes.withUnsafeMutableBytes { buffer in
      let result = model.control(machine, 0xc00c_aee0, UInt(bitPattern: buffer.baseAddress))
      if result == 0, flags == 0 { devices[type] = buffer.load(fromByteOffset: 4, as: Int32.self) }
      return result
    }
  }

  func set<T: FixedWidthInteger>(_ type: UInt32, _ group: UInt32, _ attribute: UInt64, _ value: T) -> Int {
    guard let device = devices[type] else { return -9999 }
    return setAttribute(device, group, attribute, value)
  }

  func setAttribute<T: FixedWidthInteger>(
    _ descriptor: Int32, _ group: UInt32, _ attribute: UInt64, _ value: T
  ) -> Int {
    withUnsafePointer(to: value) {
      request(
        descriptor, 0x4018_aee1, .u32(0), .u32(group), .u64(attribute), .u64(UInt64(UInt(bitPattern: $0))))
    }
  }

  func get<T: FixedWidthInteger>(_ type: UInt32, _ group: UInt32, _ attribute: UInt64, as: T.Type) -> (Int, T) {
    guard let device = devices[type] else { return (-9999, 0) }
    return getAttribute(device, group, attribute, as: T.self)
  }

  func getAttribute<T: FixedWidthInteger>(
    _ descriptor: Int32, _ group: UInt32, _ attribute: UInt64, as: T.Type
  ) -> (Int, T) {
    var value: T = 0
    let result = withUnsafeMutablePointer(to: &value) {
      request(
        descriptor, 0x4018_aee2, .u32(0), .u32(group), .u64(attribute), .u64(UInt64(UInt(bitPattern: $0))))
    }
    return (result, value)
  }

  func hasAttribute(_ descriptor: Int32, _ group: UInt32, _ attribute: UInt64) -> Int {
    request(descriptor, 0x4018_aee3, .u32(0), .u32(group), .u64(attribute), .u64(0))
  }

  func setRegister(_ vcpu: Int, _ id: UInt64, _ value: UInt64) -> Int {
    withUnsafePointer(to: value) {
      request(vcpus[vcpu], 0x4010_aeac, .u64(id), .u64(UInt64(UInt(bitPattern: $0))))
    }
  }

  func getRegister(_ vcpu: Int, _ id: UInt64) -> (Int, UInt64) {
    var value: UInt64 = 0
    let result = withUnsafeMutablePointer(to: &value) {
      request(vcpus[vcpu], 0x4010_aeab, .u64(id), .u64(UInt64(UInt(bitPattern: $0))))
    }
    return (result, value)
  }

  func setCSR(_ vcpu: Int, _ number: UInt64, _ value: UInt64) -> Int {
    setRegister(vcpu, 0x9030_0000_0001_0000 | number << 3, value)
  }
  func csr(_ vcpu: Int, _ number: UInt64) -> UInt64 { getRegister(vcpu, 0x9030_0000_0001_0000 | number << 3).1 }
  func setConfiguration(_ vcpu: Int, _ word: UInt64, _ value: UInt64) -> Int {
    setRegister(vcpu, 0x9030_0000_0004_0000 | word << 3, value)
  }

  func irqfd(_ eventfd: Int32, gsi: UInt32, flags: UInt32 = 0, resample: Int32 = -1) -> Int {
    request(
      machine, 0x4020_ae76, .u32(UInt32(bitPattern: eventfd)), .u32(gsi), .u32(flags),
      .u32(UInt32(bitPattern: resample)))
  }

  func ioeventfd(_ eventfd: Int32, _ address: UInt64, length: UInt32, match: UInt64 = 0, flags: UInt32 = 0) -> Int {
    request(
      machine, 0x4040_ae79, .u64(match), .u64(address), .u32(length), .u32(UInt32(bitPattern: eventfd)), .u32(flags))
  }

  func line(_ gsi: UInt32, _ level: Bool) -> Int { request(machine, 0x4008_ae61, .u32(gsi), .u32(level ? 1 : 0)) }
  func message(_ data: UInt32, address: UInt64 = 0x2ff0_0000) -> Int {
    request(
      machine, 0x4020_aea5, .u32(UInt32(truncatingIfNeeded: address)), .u32(UInt32(address >> 32)), .u32(data),
      .u32(0))
  }

  func slot(_ number: UInt32, _ address: UInt64, _ size: UInt64, _ host: UInt64, flags: UInt32 = 0) -> Int {
    request(machine, 0x4020_ae46, .u32(number), .u32(flags), .u64(address), .u64(size), .u64(host))
  }

  /// A slot with memory of its own.
  func addMemory(_ number: UInt32 = 0, at address: UInt64 = 0, flags: UInt32 = 0) -> GuestMemory {
    let memory = GuestMemory()
    memories.append(memory)
    #expect(slot(number, address, UInt64(memory.size), UInt64(UInt(bitPattern: memory.base)), flags: flags) == 0)
    return memory
  }

  // MARK: the guest

  func setPC(_ vcpu: Int, _ pc: UInt64) {
    var bytes = Self.bytes([])
    bytes.withUnsafeMutableBytes { buffer in
      buffer.storeBytes(of: pc, toByteOffset: 0x100, as: UInt64.self)
      #expect(model.control(vcpus[vcpu], 0x4108_ae82, UInt(bitPattern: buffer.baseAddress)) == 0)
    }
  }

  func run(_ vcpu: Int = 0) -> Int { model.control(vcpus[vcpu], 0xae80, 0) }

  func area(_ vcpu: Int = 0) -> UnsafeMutableRawPointer {
    guard let area = model.map(vcpus[vcpu], size: 16384) else {
      Issue.record("no kvm_run")
      return UnsafeMutableRawPointer(bitPattern: 8) ?? memories[0].base
    }
    return area
  }
  func reason(_ vcpu: Int = 0) -> UInt32 { area(vcpu).load(fromByteOffset: 8, as: UInt32.self) }
  func address(_ vcpu: Int = 0) -> UInt64 { area(vcpu).load(fromByteOffset: 0x20, as: UInt64.self) }
  func data(_ vcpu: Int = 0) -> UInt64 { area(vcpu).load(fromByteOffset: 0x28, as: UInt64.self) }
  func length(_ vcpu: Int = 0) -> UInt32 { area(vcpu).load(fromByteOffset: 0x30, as: UInt32.self) }
  func isWrite(_ vcpu: Int = 0) -> Bool { area(vcpu).load(fromByteOffset: 0x34, as: UInt8.self) != 0 }

  /// Lets the guest store `value` into a PIC register, as its only instruction.
  func guestStores(_ value: UInt64, to address: UInt64, _ width: Width = .word, vcpu: Int = 0) {
    runs(vcpu) { $0.setMemory(address, value, width) }
  }
  func guestSetsIOCSR(_ address: UInt64, _ value: UInt64, _ width: Width = .word, vcpu: Int = 0) {
    runs(vcpu) { $0.setIOCSR(address, value, width) }
  }
  func guestReadsIOCSR(_ address: UInt64, _ width: Width, vcpu: Int = 0) -> UInt64 {
    runs(vcpu) {
      $0.li(R.t3, address)
      $0.iocsrRead(R.a0, R.t3, width)
    }
    return model.registers(vcpu: vcpu)[Int(R.a0)]
  }
  func guestLoads(_ address: UInt64, _ width: Width, vcpu: Int = 0) -> UInt64 {
    runs(vcpu) {
      $0.li(R.t3, address)
      $0.load(R.a0, R.t3, 0, width)
    }
    return model.registers(vcpu: vcpu)[Int(R.a0)]
  }

  /// A program that ends in idle, run to there.
  func runs(_ vcpu: Int = 0, _ body: (inout GuestProgram) -> Void) {
    if memories.isEmpty { _ = addMemory() }
    memories[0].place(
      GuestProgram {
        body(&$0)
        $0.idle()
      }, at: 0x1000)
    setPC(vcpu, 0x1000)
    #expect(run(vcpu) == Failure.interrupted)
  }
}

/// An eventfd of a test's.
final class TestEvent {
  let descriptor: Int32
  init() { descriptor = atollEventFD() }
  deinit { _ = close(descriptor) }

  func signal() {
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }
  /// What was signalled since the last call.
  func take() -> UInt64 {
    var count: UInt64 = 0
    return read(descriptor, &count, 8) == 8 ? count : 0
  }
}
