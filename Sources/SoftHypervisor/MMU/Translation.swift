/// What an access wants to do.
enum AccessKind {
  case load, store, fetch
}

/// The result of a translation: a physical address, or the exception to raise.
struct Translation {
  /// Physical address; meaningless if `fault` is not 0.
  var physical: UInt64 = 0
  /// Exception code, or 0.
  var fault = 0
  /// A store to the page would be allowed too.
  var writable = false
  /// A load of the page would be allowed too.
  var readable = false
  /// The mapping belongs to one ASID.
  var hasASID = false

  static func fault(_ code: Int) -> Translation { Translation(fault: code) }
}

extension UnsafeMutablePointer where Pointee == CPU {
  static var physicalMask: UInt64 { 0xffff_ffff_ffff }

  /// Translates a virtual address in the current mode (Vol. 1, 5.2–5.4): direct addressing, the four direct map
  /// windows, then the TLB.
  func translate(_ address: UInt64, _ kind: AccessKind) -> Translation {
    let csr = pointee.csr
    let crmd = csr[CSR.crmd]
    if crmd & CSR.crmdPG == 0 { return direct(address) }
    let privilege = crmd & CSR.crmdPLV
    for i in CSR.dmw0...CSR.dmw3 where csr[i] >> privilege & 1 == 1 && csr[i] >> 60 == address >> 60 {
      return direct(address)
    }
    // Mapped addresses must be sign-extended from bit 47 (VALEN 48).
    guard UInt64(bitPattern: Int64(bitPattern: address << 16) >> 16) == address else {
      return .fault(kind == .fetch ? Ecode.addressFetch : Ecode.addressMemory)
    }
    let asid = UInt16(truncatingIfNeeded: csr[CSR.asid] & 0x3ff)
    let position = pointee.tlb.find(address, asid: asid, stlbPageSize: csr[CSR.stlbps] & 0x3f)
    if position < 0 { return .fault(Ecode.tlbRefill) }
    return check(pointee.tlb.entries[position], address, kind, privilege)
  }

  private func direct(_ address: UInt64) -> Translation {
    Translation(physical: address & Self.physicalMask, writable: true, readable: true)
  }

  /// Permission checks in the order of Vol. 1, 5.4.4.
  private func check(
    _ entry: GuestTLBEntry, _ address: UInt64, _ kind: AccessKind, _ privilege: UInt64
  ) -> Translation {
    let size = UInt64(entry.pageSize)
    let page = address >> size & 1 == 0 ? entry.low0 : entry.low1
    let valid = page & 1 != 0
    let dirty = page & 2 != 0
    let level = page >> 2 & 3
    let noRead = page >> 61 & 1 != 0
    let noExecute = page >> 62 & 1 != 0
    let exact = page >> 63 != 0
    guard valid else {
      switch kind {
      case .load: return .fault(Ecode.pageInvalidLoad)
      case .store: return .fault(Ecode.pageInvalidStore)
      case .fetch: return .fault(Ecode.pageInvalidFetch)
      }
    }
    if kind == .fetch && noExecute { return .fault(Ecode.pageNotExecutable) }
    if kind == .load && noRead { return .fault(Ecode.pageNotReadable) }
    if exact ? privilege != level : privilege > level { return .fault(Ecode.pagePrivilege) }
    if kind == .store && !dirty { return .fault(Ecode.pageModify) }
    let offsetMask = (UInt64(1) << size) - 1
    let frame = page & 0xffff_ffff_f000 & ~offsetMask
    return Translation(
      physical: frame | address & offsetMask, writable: dirty, readable: !noRead, hasASID: !entry.global)
  }

  /// Translates and, if the page is memory, enters its 4 KiB granule into the software TLB of the current mode.
  func translateAndFill(_ address: UInt64, _ kind: AccessKind) -> Translation {
    let found = translate(address, kind)
    guard found.fault == 0 else { return found }
    let page = address & SoftTLB.pageMask
    guard let memory = pointee.memory.find(found.physical & SoftTLB.pageMask, size: 4096) else { return found }
    let entry = pointee.dataTLB + SoftTLB.index(address)
    entry.pointee.readTag = found.readable ? page : SoftTLB.never
    entry.pointee.writeTag = found.writable && memory.writable ? page : SoftTLB.never
    entry.pointee.addend = Int(bitPattern: memory.host) &- Int(truncatingIfNeeded: Int64(bitPattern: page))
    return found
  }
}
