// The device's end of a virtqueue, over memory that driver and front-end scribble in. Protocols/Virtqueue/README.md.

import FuzzSupport
import System
import Virtqueue
import VirtqueueDriver

/// Serves a hostile ring: the first bytes choose a ring, the next fill its memory and its log, and the rest say what device and
/// scribbler do.
///
/// Promises: a chain that is handed out lies in guest memory and adds up; no more chains are outstanding than the ring has
/// descriptors; no chain is handed out twice; every call ends.
final class VirtqueueTarget {
  private static let memorySize = 16 << 10
  private static let entries: UInt16 = 16

  private let memory: DriverMemory
  private let guest: GuestMemory
  private let logFile: FileDescriptor
  private let logBytes: Mapping
  private let log: InflightArea?
  private let features: UInt64
  private let size: UInt16
  private var held: [ChainToken] = []
  private var chain = DescriptorChain(capacity: 64)

  static func run(_ input: [UInt8], packed: Bool) -> String? {
    var source = ByteSource(input)
    guard let target = try? VirtqueueTarget(&source, packed: packed) else { return nil }
    return target.play(&source)
  }

  private init(_ source: inout ByteSource, packed: Bool) throws {
    let choice = source.byte()
    size = packed ? UInt16(choice & 15) + 1 : 1 << UInt16(choice & 3)
    features =
      (choice & 0x10 != 0 ? RingFeature.indirect : 0) | (choice & 0x20 != 0 ? RingFeature.eventIndex : 0)
      | (packed ? RingFeature.packed : 0)
    // Low addresses, so that small numbers hit memory.
    memory = try DriverMemory(size: VirtqueueTarget.memorySize, guestAddress: 0x1000)
    guest = try memory.mapped()
    let logSize = InflightArea.size(queues: 1, queueSize: VirtqueueTarget.entries, packed: packed)
    logFile = try MemoryFile.create("log", size: logSize)
    logBytes = try Mapping.shared(logFile, size: logSize)
    log =
      choice & 0x40 == 0
      ? nil
      : try InflightArea(
        descriptor: logFile.raw, offset: 0, size: UInt64(logSize), queues: 1, queueSize: VirtqueueTarget.entries,
        sealed: true)
    for (offset, byte) in source.bytes(Int(source.integer(UInt16.self) & 0x3ff)).enumerated() {
      memory.base.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
    }
    for (offset, byte) in source.bytes(min(logSize, Int(source.integer(UInt16.self) & 0x3ff))).enumerated() {
      logBytes.base.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
    }
  }

  /// The next incarnation; nil if it refuses ring or log.
  private func ring(_ base: UInt32) -> Virtqueue? {
    let start = memory.guestAddress
    // As `RingDriver` places them, for the seeds.
    let driver = start + 16 * UInt64(size)
    let device = (driver + (features & RingFeature.packed != 0 ? 4 : 6 + 2 * UInt64(size)) + 15) & ~15
    let addresses = RingAddresses(descriptors: start, driver: driver, device: device)
    return try? Virtqueue(size: size, addresses: addresses, features: features, base: base, memory: guest, log: log)
  }

  private func play(_ source: inout ByteSource) -> String? {
    guard var ring = ring(features & RingFeature.packed == 0 ? 0 : 0x8000_8000) else { return nil }
    while !source.isEmpty {
      switch source.byte() & 7 {
      case 0, 1:
        if let broken = pop(&ring) { return broken }
      case 2:
        push(&ring, source.byte(), source.byte())
      case 3:
        guard let last = held.last else { continue }
        if ring.unpop(last) { held.removeLast() }
      case 4:
        _ = ring.shouldSignal()
        _ = ring.enableKicks()
        ring.disableKicks()
      case 5:
        held = []
        guard let next = self.ring(source.integer(UInt32.self)) else { return nil }
        ring = next
      case 6:
        poke(logBytes.base, logBytes.size, &source)
      default:
        poke(memory.base, 0x400, &source)
      }
    }
    return guest.outstanding == held.count
      ? nil : "\(guest.outstanding) chains are outstanding instead of \(held.count)"
  }

  /// One chain, or all at once.
  private func push(_ ring: inout Virtqueue, _ choice: UInt8, _ written: UInt8) {
    guard !held.isEmpty else { return }
    if choice & 0x80 == 0 {
      ring.push(held.remove(at: Int(choice) % held.count), written: UInt32(written))
      return
    }
    let batch = held.map { Completion(token: $0, written: UInt32(written)) }
    batch.withUnsafeBufferPointer { ring.push($0) }
    held = []
  }

  private func poke(_ base: UnsafeMutableRawPointer, _ size: Int, _ source: inout ByteSource) {
    let at = Int(source.integer(UInt16.self)) % (size / 2) * 2
    base.storeBytes(of: source.integer(UInt16.self), toByteOffset: at, as: UInt16.self)
  }

  private func pop(_ ring: inout Virtqueue) -> String? {
    guard let found = try? ring.pop(into: &chain), found else { return nil }
    if held.contains(chain.token) { return "a chain was handed out twice" }
    held.append(chain.token)
    if held.count > Int(size) { return "\(held.count) chains are outstanding in a ring of \(size)" }
    guard let first = guest.segment(guestAddress: memory.guestAddress, count: 1)?.base else { return "no memory" }
    var bytes = 0
    for segment in Array(chain.readable) + Array(chain.writable) {
      let offset = segment.base - first
      guard offset >= 0, segment.count > 0, offset + segment.count <= memory.size else {
        return "a segment of \(segment.count) bytes at offset \(offset) was handed out"
      }
      bytes += segment.count
    }
    return bytes == chain.readableBytes + chain.writableBytes ? nil : "\(bytes) bytes do not add up"
  }
}

extension VirtqueueTarget {
  /// Rings of a driver that follows the rules, with a served chain, an indirect one and a successor.
  static func seeds(packed: Bool) -> [[UInt8]] {
    ([0x03, 0x33, 0x73] as [UInt8]).compactMap { choice -> [UInt8]? in
      guard let memory = try? DriverMemory(size: memorySize, guestAddress: 0x1000),
        let driver = RingDriver(
          size: packed ? 4 : 8, packed: packed, tableEntries: 3, in: memory)
      else { return nil }
      let buffer = DriverBuffer(address: 0x3000, length: 64, isWritable: false)
      let reply = DriverBuffer(address: 0x3800, length: 64, isWritable: true)
      _ = driver.add([buffer, reply])
      _ = driver.add([buffer, buffer, reply], indirect: choice & 0x10 != 0)
      let ring = Array(UnsafeRawBufferPointer(start: memory.base, count: 0x300))
      let play: [UInt8] = [0, 0, 0, 1, 2, 0, 8, 4, 5, 0, 0, 0, 0, 0, 0, 3, 0, 2, 0, 1, 4]
      return [choice, 0, 3] + ring + play
    }
  }
}
