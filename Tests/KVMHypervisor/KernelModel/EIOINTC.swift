// The extended I/O interrupt controller as the kernel keeps it (reference C.2): Linux 7.2.12 and 6.13, intc/eiointc.c.

/// State and rules. CPUs are KVM's vCPU ids; a guest names them by their CPUID.
final class EIOINTC {
  struct Key: Hashable {
    var cpu: Int
    var line: Int
  }
  var cpuCount: UInt32 = 0
  var features: UInt32 = 0
  var status: UInt32 = 0
  var nodeType = [UInt64](repeating: 0, count: 4)
  var ipMap: UInt64 = 0
  var enable = [UInt64](repeating: 0, count: 4)
  var bounce = [UInt64](repeating: 0, count: 4)
  var request = [UInt64](repeating: 0, count: 4)
  /// Of each vCPU id, 256 of them.
  var pending = [[UInt64]](repeating: [0, 0, 0, 0], count: 256)
  var coreMap = [UInt64](repeating: 0, count: 32)
  /// The target of each vector, as the kernel has worked it out: `coreMap` alone changes nothing.
  var target = [Int](repeating: 0, count: 256)
  /// Which vectors hold up a CPU's line, likewise worked out.
  private var holders: [Key: [UInt64]] = [:]
  private let swallowsBadAccesses: Bool

  /// A vCPU's id by its CPUID; nil: no vCPU has been given that.
  var identify: (Int) -> Int? = { _ in nil }
  var exists: (Int) -> Bool = { _ in false }
  /// Raises or lowers a CPU's line HWI0 + n.
  var drive: (_ cpu: Int, _ line: Int, _ level: Bool) -> Void = { _, _, _ in }
  /// A place where the kernel would reach outside of its tables.
  var hazard: (String) -> Void = { _ in }

  init(swallowsBadAccesses: Bool) { self.swallowsBadAccesses = swallowsBadAccesses }

  private var encodesLines: Bool { status & 1 << 2 != 0 }
  private var encodesCPUs: Bool { status & 1 << 3 != 0 }

  private func line(of vector: Int) -> Int? {
    let byte = Int(ipMap >> UInt64(vector / 32 * 8) & 0xff)
    guard encodesLines else { return byte == 0 || byte.trailingZeroBitCount >= 4 ? 0 : byte.trailingZeroBitCount }
    guard byte < 8 else {
      hazard("IPMAP names line \(byte) with INT_ENCODE")
      return nil
    }
    return byte
  }

  /// An input changes.
  func set(vector: Int, level: Bool) {
    guard vector < 256 else { return hazard("vector \(vector)") }
    assign(&request, vector, level)
    update(vector, level)
  }

  private func update(_ vector: Int, _ level: Bool) {
    guard let line = line(of: vector) else { return }
    let cpu = target[vector]
    guard exists(cpu) else { return }
    let key = Key(cpu: cpu, line: line)
    let wasHeld: Bool
    if level {
      guard test(enable, vector) else { return }
      assign(&pending[cpu], vector, true)
      wasHeld = isHeld(key)
      assign(&holders[key, default: [0, 0, 0, 0]], vector, true)
    } else {
      assign(&pending[cpu], vector, false)
      assign(&holders[key, default: [0, 0, 0, 0]], vector, false)
      wasHeld = isHeld(key)
    }
    if !wasHeld { drive(cpu, line, level) }
  }

  private func isHeld(_ key: Key) -> Bool { holders[key]?.contains { $0 != 0 } ?? false }

  private func updateTargets(_ first: Int, _ bytes: UInt64, _ count: Int, notify: Bool) {
    for index in 0..<count {
      let byte = Int(bytes >> UInt64(index * 8) & 0xff)
      guard let cpu = identify(cpuid(byte)), target[first + index] != cpu else { continue }
      let moves = notify && test(request, first + index)
      if moves { update(first + index, false) }
      target[first + index] = cpu
      if moves { update(first + index, true) }
    }
  }

  private func cpuid(_ byte: Int) -> Int {
    if encodesCPUs { return byte }
    if byte != 0 { return byte.trailingZeroBitCount < 4 ? byte.trailingZeroBitCount : 0 }
    if swallowsBadAccesses { return 0 }
    // 6.13 looks up CPUID -1, beside its table, and finds nobody there.
    return -1
  }

  // MARK: the guest's accesses, by offset from IOCSR 0x1400

  /// What an iocsrrd gets; nil: it goes to user space.
  func read(_ offset: Int, _ size: Int, cpu: Int) -> UInt64? {
    guard offset & (size - 1) == 0 else { return swallowsBadAccesses ? 0 : nil }
    let index = (offset & 0x1f) >> 3
    let data: UInt64
    switch offset {
    case 0x0a0..<0x0c0: data = nodeType[(offset - 0xa0) >> 3]
    case 0x0c0..<0x0c8: data = ipMap
    case 0x200..<0x220: data = enable[index]
    case 0x280..<0x2a0: data = bounce[index]
    case 0x400..<0x420: data = pending[cpu][index]
    case 0x800..<0x900: data = coreMap[(offset - 0x800) >> 3]
    default: return swallowsBadAccesses ? 0 : nil
    }
    return data >> UInt64(offset & 7 * 8)
  }

  /// An iocsrwr; false: it goes to user space.
  func write(_ offset: Int, _ size: Int, _ value: UInt64, cpu: Int) -> Bool {
    guard offset & (size - 1) == 0 else { return swallowsBadAccesses }
    let shift = UInt64(offset & 7) * 8
    let field = (size == 8 ? UInt64.max : (1 << UInt64(size * 8)) - 1) << shift
    let data = value << shift & field
    func merge(_ register: inout UInt64) { register = register & ~field | data }
    let index = (offset & 0x1f) >> 3
    switch offset {
    case 0x0a0..<0x0c0: merge(&nodeType[(offset - 0xa0) >> 3])
    // Moves nothing that is pending.
    case 0x0c0..<0x0c8: merge(&ipMap)
    case 0x200..<0x220:
      let old = enable[index]
      merge(&enable[index])
      each(enable[index] & ~old & request[index], index) { update($0, true) }
      each(~enable[index] & old & request[index], index) { update($0, false) }
    case 0x280..<0x2a0: merge(&bounce[index])
    case 0x400..<0x420:
      let cleared = pending[cpu][index] & data
      pending[cpu][index] &= ~data
      // Of the CPU that the vector leads to now, which need not be this one.
      each(cleared, index) { update($0, false) }
    case 0x800..<0x900:
      merge(&coreMap[(offset - 0x800) >> 3])
      updateTargets((offset - 0x800) & ~7, coreMap[(offset - 0x800) >> 3], 8, notify: true)
    default: return swallowsBadAccesses
    }
    return true
  }

  private func each(_ bits: UInt64, _ index: Int, _ body: (Int) -> Void) {
    for bit in 0..<64 where bits >> UInt64(bit) & 1 == 1 { body(index * 64 + bit) }
  }

  /// IOCSR 0x40000000: features and configuration.
  func readExtension(_ offset: Int) -> UInt64? {
    switch offset {
    case 0: UInt64(features)
    case 4: UInt64(status)
    default: 0
    }
  }

  /// False: it goes to user space.
  func writeExtension(_ offset: Int, _ value: UInt64) -> Bool {
    switch offset {
    case 0: return swallowsBadAccesses
    case 4:
      let value = UInt32(truncatingIfNeeded: value)
      // Features can be chosen only while it is not enabled.
      guard status & 1 << 1 == 0 || value == 0 else { return swallowsBadAccesses }
      status = value & features
      return true
    default: return true
    }
  }

  // MARK: user space's accesses

  /// Group 0x40000004.
  func control(_ attribute: UInt64, at address: UInt64, cpuLimit: UInt32) -> Int {
    switch attribute {
    case 0, 1:
      guard let value: UInt32 = User.read(address) else { return Failure.fault }
      if attribute == 0 {
        guard value <= cpuLimit else { return Failure.invalid }
        cpuCount = value
      } else {
        features = value
        // Without the virtual extension nobody else could enable it.
        if features & 1 == 0 { status |= 1 << 1 }
      }
      return 0
    case 3:
      finishLoading()
      return 0
    default: return 0
    }
  }

  private func finishLoading() {
    for vector in 0..<256 {
      // The byte as it is, even if it is one-hot.
      let byte = Int(coreMap[vector >> 3] >> UInt64(vector & 7 * 8) & 0xff)
      guard let line = line(of: vector), let cpu = identify(byte) else { continue }
      assign(&holders[Key(cpu: cpu, line: line), default: [0, 0, 0, 0]], vector, test(pending[cpu], vector))
    }
    for index in 0..<32 { updateTargets(index * 8, coreMap[index], 8, notify: false) }
  }

  /// Group 0x40000002: 4 bytes of a register.
  func register(_ attribute: UInt64, write: Bool, at address: UInt64) -> Int {
    let offset = Int(attribute & 0xffff)
    let cpu = Int(attribute >> 16 & 0x7fff)
    switch offset {
    case 0x0a0..<0x0c0: return half(&nodeType[(offset - 0xa0) >> 3], offset, write, address)
    case 0x0c0..<0x0c8: return half(&ipMap, offset, write, address)
    case 0x200..<0x220: return half(&enable[(offset - 0x200) >> 3], offset, write, address)
    case 0x280..<0x2a0: return half(&bounce[(offset - 0x280) >> 3], offset, write, address)
    case 0x300..<0x320: return half(&request[(offset - 0x300) >> 3], offset, write, address)
    case 0x400..<0x420:
      guard cpu < Int(cpuCount) else { return Failure.invalid }
      return half(&pending[cpu][(offset - 0x400) >> 3], offset, write, address)
    case 0x800..<0x900: return half(&coreMap[(offset - 0x800) >> 3], offset, write, address)
    default: return Failure.invalid
    }
  }

  private func half(_ register: inout UInt64, _ offset: Int, _ write: Bool, _ address: UInt64) -> Int {
    let shift = UInt64(offset & 4 * 8)
    var value = UInt32(truncatingIfNeeded: register >> shift)
    let result = transfer(&value, write, address)
    register = register & ~(0xffff_ffff << shift) | UInt64(value) << shift
    return result
  }

  /// Group 0x40000003.
  func softwareStatus(_ attribute: UInt64, write: Bool, at address: UInt64) -> Int {
    if write, User.pointer(address) == nil { return Failure.fault }
    switch attribute & 0xffff {
    case 0: return write ? 0 : transfer(&cpuCount, false, address)
    case 1: return write ? 0 : transfer(&features, false, address)
    case 2: return transfer(&status, write, address)
    default: return Failure.invalid
    }
  }

  private func test(_ bits: [UInt64], _ vector: Int) -> Bool { bits[vector >> 6] >> UInt64(vector & 63) & 1 == 1 }
  private func assign(_ bits: inout [UInt64], _ vector: Int, _ on: Bool) {
    let bit = UInt64(1) << UInt64(vector & 63)
    bits[vector >> 6] = on ? bits[vector >> 6] | bit : bits[vector >> 6] & ~bit
  }
}
