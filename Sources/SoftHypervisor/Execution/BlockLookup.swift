import Hypervisor

extension UnsafeMutablePointer where Pointee == CPU {
  /// The slow half of finding the block at `pc`: translation, comparison with memory, decoding if needed.
  /// nil means that an exception was entered instead (or, if `failed` is set, that the vCPU cannot go on).
  @inline(never)
  func findBlock(failed: inout Bool) -> UnsafeMutablePointer<Block>? {
    let pc = pointee.pc
    if pc & 3 != 0 { return fetchFault(Ecode.addressFetch, pc, &failed) }
    let found = translate(pc, .fetch)
    if found.fault != 0 { return fetchFault(found.fault, pc, &failed) }
    let room = (4096 - (found.physical & 0xfff)) / 4
    guard let host = pointee.memory.host(found.physical, size: room * 4) else {
      return fetchFault(Ecode.addressFetch, pc, &failed)
    }
    var emptied = false
    let key = found.physical | pointee.csr[CSR.euen] & 3
    let block = pointee.blocks.block(
      key: key, code: UnsafePointer(host.assumingMemoryBound(to: UInt32.self)), room: Int(room), didEmpty: &emptied)
    if emptied { flushJumpCache() }
    if found.hasASID, privilege == 0 { pointee.kernelTextHasASID = true }
    // Bits 48–59 must agree, or the mode key could make two PCs look alike (see `refreshMode`).
    let middle = pc >> 48 & 0xfff
    if middle == 0 || middle == 0xfff {
      (pointee.jumpCache + JumpCache.index(pc)).pointee = JumpEntry(key: pc ^ pointee.modeKey, block: block)
    }
    return block
  }

  /// Raises a fetch exception. If the entry of that very exception is what cannot be fetched, every further step would
  /// fault again: the vCPU has failed.
  private func fetchFault(_ code: Int, _ pc: UInt64, _ failed: inout Bool) -> UnsafeMutablePointer<Block>? {
    raise(code, at: pc, address: pc)
    if pointee.pc == pc {
      failed = true
      pointee.exit = .failed(.exceptionEntryUnreachable)
    }
    return nil
  }
}
