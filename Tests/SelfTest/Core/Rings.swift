import System
import Virtqueue
import VirtqueueDriver

extension Transcript {
  /// Rings of both kinds: chains offered by a driver, popped, filled and pushed by a device, collected by the driver.
  mutating func ringSections() {
    for packed in [false, true] {
      for indirect in [false, true] {
        add("virtqueue \(packed ? "packed" : "split")\(indirect ? " indirect" : "")", roundTrips(packed, indirect))
      }
    }
  }

  private func roundTrips(_ packed: Bool, _ indirect: Bool) -> Digest {
    var digest = Digest()
    guard let bench = RingBench(packed: packed) else {
      digest.add("no ring")
      return digest
    }
    var random = Random(packed ? 21 : 22)
    for _ in 0..<2000 {
      bench.offer(1 + random.below(4), pieces: 1 + random.below(3), indirect: indirect, &random)
      bench.serve(&digest)
      bench.collect(&digest)
    }
    return digest
  }
}

/// One ring with both of its sides in this process.
private final class RingBench {
  private let memory: DriverMemory
  private let driver: RingDriver
  private let room: Int
  private var device: Virtqueue
  private var chain = DescriptorChain()

  init?(packed: Bool) {
    do throws(SystemError) { memory = try DriverMemory(size: 1 << 20) } catch { return nil }
    guard let driver = RingDriver(size: 16, packed: packed, eventIndex: true, tableEntries: 4, in: memory),
      let room = memory.allocate(16 * 256)
    else { return nil }
    (self.driver, self.room) = (driver, room)
    let guest = GuestMemory()
    let region = MemoryRegion(
      guestAddress: memory.guestAddress, userAddress: memory.guestAddress, size: UInt64(memory.size), fileOffset: 0)
    do throws(MemoryError) { try guest.add(region, descriptor: memory.descriptor, sealed: true) } catch { return nil }
    let addresses = RingAddresses(
      descriptors: driver.descriptorAddress, driver: driver.driverAddress, device: driver.deviceAddress)
    do throws(VirtqueueError) {
      device = try Virtqueue(
        size: 16, addresses: addresses,
        features: RingFeature.indirect | RingFeature.eventIndex | (packed ? RingFeature.packed : 0),
        base: driver.firstBase, memory: guest)
    } catch { return nil }
  }

  func offer(_ count: Int, pieces: Int, indirect: Bool, _ random: inout Random) {
    for _ in 0..<count {
      var buffers: [DriverBuffer] = []
      for piece in 0..<pieces {
        let place = room + 256 * random.below(16)
        memory.base.storeBytes(of: random.next(), toByteOffset: place, as: UInt64.self)
        buffers.append(
          DriverBuffer(
            address: memory.address(place), length: UInt32(1 + random.below(200)), isWritable: piece > 0 || pieces == 1)
        )
      }
      _ = driver.add(buffers, indirect: indirect)
    }
  }

  func serve(_ digest: inout Digest) {
    digest.add(driver.shouldKick())
    do throws(VirtqueueError) {
      while try device.pop(into: &chain) {
        digest.add(UInt64(chain.readableBytes))
        digest.add(UInt64(chain.writableBytes))
        var word: UInt64 = 0
        _ = withUnsafeMutableBytes(of: &word) { chain.read(at: 0, into: $0) }
        digest.add(word)
        _ = chain.fill(at: 0, count: chain.writableBytes, with: UInt8(truncatingIfNeeded: word))
        device.push(chain.token, written: UInt32(chain.writableBytes))
      }
      digest.add(device.shouldSignal())
      digest.add(UInt64(device.base))
    } catch { digest.add(error.sentence) }
  }

  func collect(_ digest: inout Digest) {
    while let used = driver.collect() {
      digest.add(UInt64(used.id))
      digest.add(UInt64(used.written))
    }
    digest.add(driver.enableSignals())
  }
}
