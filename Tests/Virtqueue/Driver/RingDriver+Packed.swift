import Synchronization

extension RingDriver {
  func addPacked(_ buffers: [DriverBuffer], _ indirect: Bool) -> UInt16 {
    let id = freeIDs.removeLast()
    let shown =
      indirect
      ? [DriverBuffer(address: fillTable(id, buffers), length: UInt32(16 * buffers.count), isWritable: false)] : buffers
    let first = descriptors + 16 * Int(next)
    var firstWord: UInt64 = 0
    for (index, buffer) in shown.enumerated() {
      var flags: UInt16 = nextWrap ? 0x80 : 0x8000
      if index < shown.count - 1 { flags |= 1 }
      if buffer.isWritable { flags |= 2 }
      if indirect { flags |= 4 }
      let at = descriptors + 16 * Int(next)
      if index == 0 {
        long(at, 0).pointee.store(buffer.address, ordering: .relaxed)
        firstWord = UInt64(buffer.length) | UInt64(id) << 32 | UInt64(flags) << 48
      } else {
        store(at, buffer.address, buffer.length, flags, id)
      }
      next += 1
      if next == size { (next, nextWrap) = (0, !nextWrap) }
    }
    unkicked += UInt32(shown.count)
    // The first descriptor last: then the device sees all of the chain.
    long(first, 8).pointee.store(firstWord, ordering: .releasing)
    return id
  }

  func peekPacked() -> UsedChain? {
    let used = long(descriptors + 16 * Int(seen), 8).pointee.load(ordering: .acquiring)
    let flags = UInt16(truncatingIfNeeded: used >> 48)
    guard (flags & 0x80 != 0) == seenWrap, (flags & 0x8000 != 0) == seenWrap else { return nil }
    return UsedChain(id: UInt16(truncatingIfNeeded: used >> 32), written: UInt32(truncatingIfNeeded: used))
  }

  func takePacked(_ id: UInt16) {
    seen += lengths[Int(id)]
    if seen >= size { (seen, seenWrap) = (seen - size, !seenWrap) }
    freeIDs.append(id)
  }

  func wantsKickPacked() -> Bool {
    let event = word(device, 0).pointee.load(ordering: .relaxed)
    switch event >> 16 & 3 {
    case 1: return false
    case 2 where hasEventIndex: break
    default: return true
    }
    let wrap = event >> 15 & 1 != 0
    let behind = Int(next) - Int(event & 0x7fff) + (wrap == nextWrap ? 0 : Int(size))
    return behind > 0 && behind <= Int(unkicked)
  }
}
