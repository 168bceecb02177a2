import BlockModel
import DeviceModel
import FirmwareConfigModel
import PowerModel
import RTCModel
import SerialModel

extension Transcript {
  /// Every platform device: thousands of accesses of every kind, with its state saved and restored between them.
  mutating func modelSections() {
    add("serial", exercise(SerialDevice.self, seed: 1))
    add("rtc", exercise(RTCDevice.self, seed: 2))
    add("power", exercise(PowerDevice.self, seed: 3))
    add("fwcfg", exercise(FirmwareConfigDevice.self, seed: 4))
    add("block", blockRequests())
  }

  private func exercise<Model: DeviceModel>(_ type: Model.Type, seed: UInt64) -> Digest {
    var digest = Digest()
    var random = Random(seed)
    var now = Instant(monotonic: 0, realtime: 1_790_000_000_000_000_000)
    var model = Model(at: now)
    for step in 0..<4000 {
      let passed = Int64(random.below(2_000_000_000))
      now = Instant(monotonic: now.monotonic + passed, realtime: now.realtime + passed)
      operate(&model, &random, now, &digest)
      digest.add(model.interruptPending)
      digest.add(UInt64(bitPattern: model.deadline ?? -1))
      if step % 64 == 63 { model = reborn(model, now, &digest) }
    }
    return digest
  }

  private func operate<Model: DeviceModel>(
    _ model: inout Model, _ random: inout Random, _ now: Instant, _ digest: inout Digest
  ) {
    var effects = Effects()
    switch random.below(8) {
    case 0: model.elapse(at: now, &effects)
    case 1: model.outputRoom(random.below(40), at: now, &effects)
    case 2: model.hostEvent(.powerButton, at: now, &effects)
    case 3:
      let count = min(random.below(20), model.receiveCapacity)
      var bytes: [UInt8] = []
      for _ in 0..<count { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
      model.receive(bytes.span.bytes, at: now, &effects)
    case let kind:
      guard let access = access(Model.regions, &random) else { break }
      let value = random.next() >> UInt64(random.below(64))
      if kind < 6 {
        model.write(access, value: value, at: now, &effects)
      } else {
        digest.add(model.read(access, at: now, &effects))
      }
    }
    add(effects, &digest)
  }

  private func access(_ regions: [RegionLayout], _ random: inout Random) -> Access? {
    let region = random.below(regions.count)
    let size = 1 << random.below(4)
    guard Int(regions[region].size) >= size else { return nil }
    let offset = random.below(Int(regions[region].size) - size + 1)
    return Access(region: UInt8(region), offset: UInt32(offset), size: UInt8(size))
  }

  private func add(_ effects: borrowing Effects, _ digest: inout Digest) {
    digest.add(effects.interrupt)
    digest.add(effects.machine.rawValue)
    for index in 0..<effects.outputCount { digest.add(effects.output[index]) }
  }

  /// The model as its successor finds it.
  private func reborn<Model: DeviceModel>(_ model: Model, _ now: Instant, _ digest: inout Digest) -> Model {
    var state = [UInt8](repeating: 0, count: Model.stateSize)
    var span = state.mutableSpan
    var bytes = span.mutableBytes
    model.save(into: &bytes)
    digest.add(state)
    do throws(StateError) { return try Model(restoring: state.span.bytes, at: now) } catch {
      digest.add(error.sentence)
      return model
    }
  }

  private func blockRequests() -> Digest {
    var digest = Digest()
    var random = Random(5)
    let limits = BlockLimits(bytes: 1 << 30, readOnly: false)
    digest.add(BlockConfiguration.bytes(DiskGeometry(limits: limits), queues: 3, segmentMax: 126))
    for _ in 0..<4000 {
      let segment = RangeSegment(
        words: random.next() >> UInt64(random.below(64)), random.next() >> UInt64(random.below(64)))
      do throws(BlockRefusal) {
        let range = try limits.check(segment, discards: random.below(2) == 0)
        digest.add(UInt64(range.offset))
        digest.add(UInt64(range.count))
      } catch { digest.add(error.rawValue) }
    }
    return digest
  }
}
