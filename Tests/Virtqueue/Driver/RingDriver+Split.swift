import Synchronization

extension RingDriver {
  func addSplit(_ buffers: [DriverBuffer], _ indirect: Bool) -> UInt16 {
    let head = freeHead
    if indirect {
      freeHead = links[Int(head)]
      let table = fillTable(head, buffers)
      store(descriptors + 16 * Int(head), table, UInt32(16 * buffers.count), 4, 0)
    } else {
      linkDescriptors(buffers)
    }
    half(driver, 4 + 2 * Int(next % size)).pointee.store(head, ordering: .relaxed)
    next &+= 1
    unkicked += 1
    half(driver, 2).pointee.store(next, ordering: .releasing)
    return head
  }

  private func linkDescriptors(_ buffers: [DriverBuffer]) {
    for (index, buffer) in buffers.enumerated() {
      let at = freeHead
      freeHead = links[Int(at)]
      let isLast = index == buffers.count - 1
      let flags: UInt16 = (isLast ? 0 : 1) | (buffer.isWritable ? 2 : 0)
      store(descriptors + 16 * Int(at), buffer.address, buffer.length, flags, isLast ? 0 : freeHead)
    }
  }

  func peekSplit() -> UsedChain? {
    guard half(device, 2).pointee.load(ordering: .acquiring) != seen else { return nil }
    let entry = device + 4 + 8 * Int(seen % size)
    return UsedChain(
      id: UInt16(truncatingIfNeeded: word(entry, 0).pointee.load(ordering: .relaxed)),
      written: word(entry, 4).pointee.load(ordering: .relaxed))
  }

  func takeSplit(_ head: UInt16) {
    var last = head
    for _ in 1..<lengths[Int(head)] { last = links[Int(last)] }
    links[Int(last)] = freeHead
    freeHead = head
    seen &+= 1
  }

  func wantsKickSplit() -> Bool {
    guard hasEventIndex else { return half(device, 0).pointee.load(ordering: .relaxed) & 1 == 0 }
    let event = half(device, 4 + 8 * Int(size)).pointee.load(ordering: .relaxed)
    return UInt32(next &- event &- 1) < unkicked
  }
}
