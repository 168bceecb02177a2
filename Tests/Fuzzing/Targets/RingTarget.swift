// The device's end of the access rings, over a segment that somebody scribbles in. Protocols/DeviceBus/README.md, "Access ring".

import DeviceBus
import FuzzSupport
import System

/// Serves a hostile ring segment: the first bytes choose a machine, the next fill the segment, and the rest poke at it between
/// the accesses.
///
/// Promises: an access that is handed out lies inside its region; each ring's sequence numbers count by one; a ring is never found
/// to hold more than its slots without a fault being thrown.
enum RingTarget {
  private static let regionSizes: [UInt32] = [8, 0x100, 0x2c]

  static func run(_ input: [UInt8]) -> String? {
    var source = ByteSource(input)
    let vcpus = Int(source.byte() & 3) + 1
    let size = AccessRing.segmentSize(vcpus: vcpus)
    guard let segment = try? Mapping.anonymous(size: size) else { return nil }
    let base = segment.base
    for (offset, byte) in source.bytes(min(size, Int(source.integer(UInt16.self)))).enumerated() {
      base.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
    }
    let applied =
      source.byte() & 1 == 0
      ? RingBackEnd.coldStart(segment: segment, vcpus: vcpus)
      : (0..<vcpus).map { _ in source.integer(UInt64.self) }
    var ring = RingBackEnd(segment: segment, vcpus: vcpus, regionSizes: regionSizes, applied: applied)
    return serve(&ring, applied, &source) { offset, value in
      base.storeBytes(of: value, toByteOffset: Int(offset) % (size / 8) * 8, as: UInt64.self)
    }
  }

  private static func serve(
    _ ring: inout RingBackEnd, _ applied: [UInt64], _ source: inout ByteSource, poke: (UInt16, UInt64) -> Void
  ) -> String? {
    var last = applied
    var served = 0
    var budget = 1024
    while budget > 0 {
      budget -= 1
      guard let pending = try? ring.next() else {
        // Faulty or idle: only a scribble can change that.
        guard !source.isEmpty else { return nil }
        poke(source.integer(UInt16.self), source.integer(UInt64.self))
        served = 0
        continue
      }
      if let broken = check(pending, last[pending.vcpu]) { return broken }
      last[pending.vcpu] = pending.sequence
      if source.byte() & 7 == 0 { poke(source.integer(UInt16.self), source.integer(UInt64.self)) }
      _ = ring.complete(vcpu: pending.vcpu, sequence: pending.sequence, reply: pending.value)
      if source.byte() & 7 == 0 { _ = ring.answerAgain(vcpu: pending.vcpu, sequence: pending.sequence, reply: 1) }
      if ring.announceSleep() { ring.announceAwake() }
      served += 1
    }
    return source.isEmpty && served > 4 * Int(AccessRing.slots) ? "an idle segment yields accesses without end" : nil
  }

  private static func check(_ pending: PendingAccess, _ last: UInt64) -> String? {
    guard pending.sequence == last &+ 1 else { return "access \(pending.sequence) was handed out after \(last)" }
    guard let access = pending.access else { return nil }
    guard Int(access.region) < regionSizes.count, [1, 2, 4, 8].contains(access.size) else {
      return "an access of \(access.size) bytes to region \(access.region) was handed out"
    }
    let end = UInt64(access.offset) + UInt64(access.size)
    guard end <= UInt64(regionSizes[Int(access.region)]) else { return "an access beyond its region was handed out" }
    return nil
  }
}
