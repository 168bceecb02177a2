import Hypervisor
import Testing

@testable import SoftHypervisor

/// The rules of reference B.2, C.2 and C.3 once more, as slowly and plainly as they can be said: sets and loops over all.
private struct PlainIRQChip {
  let cpus: Int
  var mask: Set<Int> = Set(0..<64)
  var edge: Set<Int> = []
  var irr: Set<Int> = []
  var inService: Set<Int> = []
  var vector = (0..<64).map { $0 < 32 ? $0 : 0 }
  var requested: Set<Int> = []
  var enabled: Set<Int> = []
  var ipmap = [Int](repeating: 0, count: 8)
  var target = [Int](repeating: 0, count: 256)
  var pending: [Set<Int>]
  var hardware: [UInt64]
  var status: [UInt32]

  init(cpus: Int) {
    self.cpus = cpus
    pending = Array(repeating: [], count: cpus)
    hardware = Array(repeating: 0, count: cpus)
    status = Array(repeating: 0, count: cpus)
  }

  mutating func pin(_ pin: Int, _ level: Bool) {
    if !level && edge.contains(pin) { return }
    if level { irr.insert(pin) } else { irr.remove(pin) }
    settle([pin])
  }

  /// Hands requests on or takes them back.
  mutating func settle(_ pins: some Sequence<Int>) {
    for pin in pins.sorted() {
      if irr.contains(pin) && !mask.contains(pin) {
        inService.insert(pin)
        request(vector[pin], true)
      } else if !irr.contains(pin) && inService.remove(pin) != nil {
        request(vector[pin], false)
      }
    }
  }

  mutating func request(_ vector: Int, _ level: Bool) {
    if level { requested.insert(vector) } else { requested.remove(vector) }
    settleVector(vector)
  }

  mutating func settleVector(_ vector: Int) {
    if requested.contains(vector) && enabled.contains(vector) {
      pending[target[vector]].insert(vector)
    } else {
      pending[target[vector]].remove(vector)
    }
    driveLines(target[vector])
  }

  mutating func driveLines(_ cpu: Int) {
    hardware[cpu] = 0
    for vector in pending[cpu] {
      let line = (0..<4).first { ipmap[vector / 32] >> $0 & 1 == 1 } ?? 0
      hardware[cpu] |= hardwareLine(line)
    }
  }

  mutating func setMask(_ new: Set<Int>) {
    let changed = new.symmetricDifference(mask)
    let unmasked = mask.subtracting(new)
    mask = new
    for pin in changed.sorted() where unmasked.contains(pin) { settle([pin]) }
    // Masking takes back only what nobody requests any more, and that is never in service.
  }

  mutating func clear(_ pins: Set<Int>) {
    let cleared = pins.intersection(edge).intersection(irr)
    irr.subtract(cleared)
    settle(cleared)
  }

  mutating func setEnabled(_ new: Set<Int>) {
    let changed = new.symmetricDifference(enabled)
    enabled = new
    for vector in changed.intersection(requested) { settleVector(vector) }
  }

  mutating func route(_ vector: Int, _ byte: Int) {
    let cpu = (0..<4).first { byte >> $0 & 1 == 1 } ?? 0
    guard cpu < cpus, cpu != target[vector] else { return }
    if requested.contains(vector) {
      pending[target[vector]].remove(vector)
      driveLines(target[vector])
    }
    target[vector] = cpu
    if requested.contains(vector) { settleVector(vector) }
  }

  mutating func acknowledge(_ cpu: Int, _ vectors: Set<Int>) {
    pending[cpu].subtract(vectors)
    driveLines(cpu)
  }

  func lines(_ cpu: Int) -> UInt64 { hardware[cpu] | (status[cpu] != 0 ? ipiLine : 0) }
}

@Suite struct IRQChipPropertyTests {
  @Test(arguments: 0..<16 as Range<UInt64>)
  func randomOperations_agreeWithTheRulesSaidPlainly(seed: UInt64) {
    var random = IRQChipRandom(seed: seed)
    let bench = IRQChipBench(cpus: 3)
    var plain = PlainIRQChip(cpus: 3)
    for step in 0..<400 {
      perform(&random, bench, &plain)
      for cpu in 0..<3 {
        #expect(bench.chip.lines(cpu) == plain.lines(cpu), "seed \(seed), step \(step), CPU \(cpu)")
        #expect(Set(bench.pending(cpu)) == plain.pending[cpu], "seed \(seed), step \(step), CPU \(cpu)")
      }
      #expect(bench.pic(0x380) == word(plain.irr), "seed \(seed), step \(step)")
      #expect(bench.pic(0x3a0) == word(plain.inService), "seed \(seed), step \(step)")
    }
  }

  /// One random operation on both.
  private func perform(_ random: inout IRQChipRandom, _ bench: IRQChipBench, _ plain: inout PlainIRQChip) {
    let cpu = Int(random.next() % 3)
    let value = random.edgy()
    let quarter = Int(random.next() % 4)
    switch random.next() % 14 {
    case 0...3:
      let (pin, level) = (Int(random.next() % 8), random.next() % 3 != 0)
      bench.chip.setPin(pin, level: level)
      plain.pin(pin, level)
    case 4:
      let vector = Int(random.next() % 256)
      bench.chip.signalMSI(UInt32(vector))
      plain.request(vector, true)
    case 5:
      bench.setPIC(0x20, value)
      plain.setMask(bits(value))
    case 6:
      bench.setPIC(0x60, value)
      plain.edge = bits(value)
    case 7:
      bench.setPIC(0x80, value)
      plain.clear(bits(value))
    case 8:
      let pin = Int(random.next() % 8)
      bench.setPIC(0x200 + UInt64(pin), value & 0xff, size: 1)
      plain.vector[pin] = Int(value & 0xff)
    case 9:
      bench.setIOCSR(0x1600 + UInt32(quarter) * 8, value)
      let others = plain.enabled.filter { $0 / 64 != quarter }
      plain.setEnabled(others.union(bits(value).map { $0 + quarter * 64 }))
    case 10:
      let group = Int(random.next() % 8)
      bench.setIOCSR(0x14c0 + UInt32(group), value & 0xf, size: 1)
      plain.ipmap[group] = Int(value & 0xf)
      for cpu in 0..<3 { plain.driveLines(cpu) }
    case 11:
      let vector = Int(random.next() % 256)
      bench.route(vector, to: value & 0x1f)
      plain.route(vector, Int(value & 0x1f))
    case 12:
      bench.setIOCSR(0x1800 + UInt32(quarter) * 8, value, cpu: cpu)
      plain.acknowledge(cpu, Set(bits(value).map { $0 + quarter * 64 }))
    default:
      let sets = random.next() % 2 == 0
      bench.setIOCSR(sets ? 0x1008 : 0x100c, value, size: 4, cpu: cpu)
      let low = UInt32(truncatingIfNeeded: value)
      plain.status[cpu] = sets ? plain.status[cpu] | low : plain.status[cpu] & ~low
    }
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func anyAccessAnywhere_leavesAStateThatCanBeSaved(seed: UInt64) throws {
    var random = IRQChipRandom(seed: seed)
    let bench = IRQChipBench(cpus: 3, features: UInt32(seed & 0xf))
    let bases: [UInt64] = [0x1000_0000, 0x1f00_0000, 0x1f01_0000, 0x1f02_0000, 0x2ff0_0000]
    for _ in 0..<5000 {
      let size = Int(random.next() % 10)
      let cpu = Int(random.next() % 256)
      let address = bases[Int(random.next() % 5)] + random.next() % 0x1_0400
      let register =
        UInt32(truncatingIfNeeded: random.next() % 4 == 0 ? 0x4000_0000 : 0x1000) &+ UInt32(random.next() % 0xd10)
      switch random.next() % 4 {
      case 0: _ = bench.chip.read(mmio: address, size: size)
      case 1: _ = bench.chip.write(mmio: address, size: size, value: random.edgy())
      case 2: _ = bench.chip.readIOCSR(cpu: cpu, address: register, size: size)
      default: _ = bench.chip.writeIOCSR(cpu: cpu, address: register, size: size, value: random.edgy())
      }
    }
    let other = IRQChipBench(cpus: 3, features: UInt32(seed & 0xf))
    let (saved, lines) = bench.chip.save()
    try other.chip.restore(saved)
    #expect(other.saved == saved.words)
    #expect((0..<3).map { other.chip.lines($0) } == lines)
  }

  private func bits(_ word: UInt64) -> Set<Int> { Set((0..<64).filter { word >> UInt64($0) & 1 == 1 }) }
  private func word(_ bits: Set<Int>) -> UInt64 { bits.reduce(0) { $0 | 1 << UInt64($1) } }
}

/// Reproducible random numbers (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
struct IRQChipRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  /// All zeros, all ones, few bits, or anything.
  mutating func edgy() -> UInt64 {
    switch next() % 4 {
    case 0: next() % 2 == 0 ? 0 : .max
    case 1: 1 << (next() % 64)
    case 2: next() & next() & next()
    default: next()
    }
  }
}
