import Synchronization

/// What an AM* instruction does with the old value and the operand.
enum AtomicOperation: UInt32 {
  case swap, add, and, or, xor, max, min, maxUnsigned, minUnsigned

  @inline(__always)
  func apply32(_ old: UInt32, _ operand: UInt32) -> UInt32 {
    switch self {
    case .swap: operand
    case .add: old &+ operand
    case .and: old & operand
    case .or: old | operand
    case .xor: old ^ operand
    case .max: Int32(bitPattern: old) > Int32(bitPattern: operand) ? old : operand
    case .min: Int32(bitPattern: old) < Int32(bitPattern: operand) ? old : operand
    case .maxUnsigned: Swift.max(old, operand)
    case .minUnsigned: Swift.min(old, operand)
    }
  }

  @inline(__always)
  func apply64(_ old: UInt64, _ operand: UInt64) -> UInt64 {
    switch self {
    case .swap: operand
    case .add: old &+ operand
    case .and: old & operand
    case .or: old | operand
    case .xor: old ^ operand
    case .max: Int64(bitPattern: old) > Int64(bitPattern: operand) ? old : operand
    case .min: Int64(bitPattern: old) < Int64(bitPattern: operand) ? old : operand
    case .maxUnsigned: Swift.max(old, operand)
    case .minUnsigned: Swift.min(old, operand)
    }
  }
}

extension UnsafeMutablePointer where Pointee == CPU {
  /// Indexed memory instructions without a case in the hot loop: atomics, bound-checked accesses, ibar.
  func executeColdMemory(_ w: UInt32, at pc: UInt64) -> UInt8 {
    let op17 = w >> 15
    switch op17 {
    case 0x70c0...0x70e3: return executeAtomic(w, op17 - 0x70c0, at: pc)
    case 0x70e5: return instructionBarrier(at: pc)
    case 0x70e8...0x70ff: return executeBoundChecked(w, at: pc)
    default: return unimplemented(at: pc)
    }
  }

  /// ibar: later fetches see earlier stores, here and (kernels patch text for all CPUs at once) on every vCPU.
  private func instructionBarrier(at pc: UInt64) -> UInt8 {
    flushJumpCache()
    pointee.shared._withUnsafeGuaranteedRef { $0.textChanged(by: pointee.id) }
    pointee.pc = pc &+ 4
    return Step.reload
  }

  // MARK: AM*

  /// amswap … ammin.du, then the same with _db: all are full barriers here.
  private func executeAtomic(_ w: UInt32, _ index: UInt32, at pc: UInt64) -> UInt8 {
    let index = index % 18
    guard let operation = AtomicOperation(rawValue: index / 2) else { return unimplemented(at: pc) }
    let wide = index & 1 == 1
    let address = register(w >> 5)
    let operand = register(w >> 10)
    // Vol. 1, 2.2.7.1: rd equal to rj or rk raises INE, unless it is r0.
    let target = w & 31
    if target != 0, target == w >> 5 & 31 || target == w >> 10 & 31 { return unimplemented(at: pc) }
    var step = Step.next
    guard let host = atomicHost(address, size: wide ? 8 : 4, at: pc, &step) else { return step }
    if wide {
      let word = host.assumingMemoryBound(to: Atomic<UInt64>.self)
      var old = word.pointee.load(ordering: .relaxed)
      while true {
        let (done, seen) = word.pointee.compareExchange(
          expected: old, desired: operation.apply64(old, operand), ordering: .sequentiallyConsistent)
        old = seen
        if done { break }
      }
      setRegister(w, old)
    } else {
      let word = host.assumingMemoryBound(to: Atomic<UInt32>.self)
      let operand = UInt32(truncatingIfNeeded: operand)
      var old = word.pointee.load(ordering: .relaxed)
      while true {
        let (done, seen) = word.pointee.compareExchange(
          expected: old, desired: operation.apply32(old, operand), ordering: .sequentiallyConsistent)
        old = seen
        if done { break }
      }
      setRegister(w, UInt64(bitPattern: Int64(Int32(bitPattern: old))))
    }
    return Step.next
  }

  /// Host address of an aligned, writable word in memory; otherwise raises and says how to go on in `step`.
  private func atomicHost(
    _ address: UInt64, size: UInt64, at pc: UInt64, _ step: inout UInt8, kind: AccessKind = .store
  ) -> UnsafeMutableRawPointer? {
    if address & (size - 1) != 0 {
      step = fault(Ecode.alignment, pc, address)
      return nil
    }
    let entry = pointee.dataTLB + SoftTLB.index(address)
    let page = address & SoftTLB.pageMask
    if kind == .store ? entry.pointee.writeTag == page : entry.pointee.readTag == page {
      return UnsafeMutableRawPointer(bitPattern: Int(truncatingIfNeeded: address) &+ entry.pointee.addend)
    }
    let found = translateAndFill(address, kind)
    if found.fault != 0 {
      step = fault(found.fault, pc, address)
      return nil
    }
    let memory = pointee.memory
    let place =
      kind == .store
      ? memory.writableHost(found.physical, size: size) : memory.host(found.physical, size: size)
    guard let host = place else {
      step = fault(Ecode.addressMemory, pc, address)
      return nil
    }
    return host
  }

  // MARK: LL/SC

  /// ll.w, sc.w, ll.d, sc.d. A reservation is the host address and the value read; SC is a compare-and-exchange, so that
  /// a store of the same value by another CPU in between goes unnoticed. Linux does not depend on that.
  func executeReservation(_ w: UInt32, at pc: UInt64) -> UInt8 {
    let offset = UInt64(bitPattern: Int64(Int32(bitPattern: w << 8) >> 18) << 2)
    let address = register(w >> 5) &+ offset
    let wide = w >> 25 & 1 == 1
    var step = Step.next
    if w >> 24 & 1 == 0 {
      guard let host = atomicHost(address, size: wide ? 8 : 4, at: pc, &step, kind: .load) else { return step }
      loadLinked(w, host, wide: wide)
      return Step.next
    }
    guard let host = atomicHost(address, size: wide ? 8 : 4, at: pc, &step) else { return step }
    storeConditional(w, host, wide: wide)
    return Step.next
  }

  private func loadLinked(_ w: UInt32, _ host: UnsafeMutableRawPointer, wide: Bool) {
    let value: UInt64
    if wide {
      value = host.assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(ordering: .acquiring)
    } else {
      let word = host.assumingMemoryBound(to: Atomic<UInt32>.self).pointee.load(ordering: .acquiring)
      value = UInt64(bitPattern: Int64(Int32(bitPattern: word)))
    }
    pointee.llHost = host
    pointee.llValue = value
    setRegister(w, value)
  }

  private func storeConditional(_ w: UInt32, _ host: UnsafeMutableRawPointer, wide: Bool) {
    let value = register(w)
    var stored = false
    if pointee.llHost == host {
      if wide {
        stored =
          host.assumingMemoryBound(to: Atomic<UInt64>.self).pointee.compareExchange(
            expected: pointee.llValue, desired: value, ordering: .sequentiallyConsistent
          ).exchanged
      } else {
        stored =
          host.assumingMemoryBound(to: Atomic<UInt32>.self).pointee.compareExchange(
            expected: UInt32(truncatingIfNeeded: pointee.llValue), desired: UInt32(truncatingIfNeeded: value),
            ordering: .sequentiallyConsistent
          ).exchanged
      }
    }
    pointee.llHost = nil
    setRegister(w, stored ? 1 : 0)
  }

  // MARK: bound-checked accesses

  /// fldgt … stle (Vol. 1, 2.2.6.3 and 3.2.7.3): the access happens if rj > rk (gt) or rj <= rk (le), else BCE.
  private func executeBoundChecked(_ w: UInt32, at pc: UInt64) -> UInt8 {
    let address = register(w >> 5)
    let bound = register(w >> 10)
    let op = w >> 15 & 0x1f
    let float = op < 0x10
    let lessEqual = float ? op & 2 != 0 : op & 4 != 0
    guard lessEqual ? address <= bound : address > bound else {
      pointee.csr[CSR.badv] = address
      return exception(Ecode.boundCheck, at: pc)
    }
    let store = float ? op & 4 != 0 : op & 8 != 0
    let size = float ? UInt64(op & 1 == 0 ? 4 : 8) : UInt64(1) << UInt64(op & 3)
    if address & (size - 1) != 0 { return fault(Ecode.alignment, pc, address) }
    let target = UInt8(w & 31)
    switch (float, store) {
    case (true, false): return slowLoadFloat(address, size, target, pc)
    case (true, true): return slowStoreFloat(address, size, pointee.registers.vr[Int(target) * 2], pc)
    case (false, false): return slowLoad(address, size, signed: true, target == 0 ? 32 : target, pc)
    case (false, true): return slowStore(address, size, register(w), pc)
    }
  }

  // MARK: vector elements

  /// vldrepl.* and vstelm.* (Vol. 2, LSX memory instructions).
  func executeVectorElementAccess(_ w: UInt32, at pc: UInt64) -> UInt8 {
    let base = register(w >> 5)
    let target = Int(w & 31)
    if w >> 19 == 0x602 { return replicate(base &+ scaled(w, bits: 9, shift: 3), 8, target, pc) }
    if w >> 20 == 0x302 { return replicate(base &+ scaled(w, bits: 10, shift: 2), 4, target, pc) }
    if w >> 21 == 0x182 { return replicate(base &+ scaled(w, bits: 11, shift: 1), 2, target, pc) }
    if w >> 22 == 0x0c2 { return replicate(base &+ scaled(w, bits: 12, shift: 0), 1, target, pc) }
    if w >> 19 == 0x622 { return element(base &+ scaled(w, bits: 8, shift: 3), 8, target, w >> 18 & 1, pc) }
    if w >> 20 == 0x312 { return element(base &+ scaled(w, bits: 8, shift: 2), 4, target, w >> 18 & 3, pc) }
    if w >> 21 == 0x18a { return element(base &+ scaled(w, bits: 8, shift: 1), 2, target, w >> 18 & 7, pc) }
    if w >> 22 == 0x0c6 { return element(base &+ scaled(w, bits: 8, shift: 0), 1, target, w >> 18 & 15, pc) }
    return unimplemented(at: pc)
  }

  /// The signed immediate of `bits` bits at bit 10, shifted.
  private func scaled(_ w: UInt32, bits: UInt32, shift: Int64) -> UInt64 {
    let value = Int32(bitPattern: w << (22 - bits)) >> Int32(32 - bits)
    return UInt64(bitPattern: Int64(value) << shift)
  }

  private func replicate(_ address: UInt64, _ size: UInt64, _ target: Int, _ pc: UInt64) -> UInt8 {
    let (value, step) = readMemory(address, size, pc, nil)
    if step != Step.next { return step }
    let factor: UInt64 =
      switch size {
      case 1: 0x0101_0101_0101_0101
      case 2: 0x0001_0001_0001_0001
      case 4: 0x0000_0001_0000_0001
      default: 1
      }
    pointee.registers.vr[target * 2] = value &* factor
    pointee.registers.vr[target * 2 + 1] = value &* factor
    return Step.next
  }

  private func element(
    _ address: UInt64, _ size: UInt64, _ target: Int, _ index: UInt32, _ pc: UInt64
  ) -> UInt8 {
    let bit = UInt64(index) * size * 8
    let half = pointee.registers.vr[target * 2 + Int(bit >> 6)]
    return writeMemory(address, size, half >> (bit & 63), pc, device: false)
  }
}
