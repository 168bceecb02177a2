import DeviceBus
import VhostUser

extension Transcript {
  /// Messages there and back, and what the readers say to damaged ones.
  mutating func messageSections() {
    var bus = Digest()
    check(MachineSetup(vcpus: 3, ramBytes: 1 << 32, counterFlags: 5, romBytes: 1 << 20), &bus)
    check(MachineReady(.soft, reason: "there is no /dev/kvm"), &bus)
    check(
      AttachDevice(
        deviceIndex: 3, incarnation: 2, pin: 6,
        regions: [RegionWindow(guestAddress: 0x100d_0100, size: 256, posted: true)]),
      &bus)
    check(
      AttachDevice(
        deviceIndex: 4, incarnation: 1,
        regions: [RegionWindow(guestAddress: 0x2000_0000, size: 0x800_0000, posted: false)],
        vectors: 64..<256), &bus)
    check(Attach(deviceIndex: 1, vcpus: 256, incarnation: 9, resume: true, console: true), &bus)
    check(Boot(entry: BootEntry(pc: 0x20_1000, a0: 1, a1: 2, a2: 3, parkAddress: 4)), &bus)
    check(DetachDevice(deviceIndex: 7), &bus)
    add("devicebus", bus)
    add("vhostuser", vhostMessages())
  }

  private func check<M: Message>(_ message: M, _ digest: inout Digest) {
    let payload = message.encode()
    digest.add(payload)
    var random = Random(UInt64(payload.count))
    for round in 0..<200 {
      var damaged = payload
      if round > 0, !damaged.isEmpty { damaged[random.below(damaged.count)] = UInt8(truncatingIfNeeded: random.next()) }
      if round % 5 == 4 { damaged = Array(damaged[0..<random.below(damaged.count + 1)]) }
      do throws(MessageError) { digest.add(try M(decoding: damaged).encode()) } catch { digest.add(error.sentence) }
    }
  }

  private func vhostMessages() -> Digest {
    var digest = Digest()
    var random = Random(11)
    for request in 0..<60 as Range<UInt32> {
      for _ in 0..<20 {
        let header = VhostHeader(
          request: request, flags: UInt32(random.below(16)), payloadSize: UInt32(random.below(5000)))
        let bytes = header.encode()
        digest.add(bytes)
        do throws(VhostMessageError) { try VhostHeader(bytes).check() } catch { digest.add(error.sentence) }
      }
    }
    return digest
  }
}
