/// SHA-256's compression function (FIPS 180-4, 6.2.2) over one message block again and again, rounds unrolled by eight as
/// a compiler does. Returns the first two words of the state.
enum HashLoop {
  private static let blocks: UInt64 = 60_000
  /// Offsets in the memory at a0: constants, then the message schedule.
  private static let schedule = 256

  static func sha256(_ asm: inout GuestAssembler) {
    asm.move(R.s0, R.a0)
    storeConstants(&asm)
    asm.addiD(R.s1, R.s0, schedule)
    asm.addiD(R.s2, R.s1, 64)
    IntegerLoops.fillRandom(&asm, from: R.s1, to: R.s2)
    asm.load(R.s2, blocks)
    for i in 0..<8 {
      asm.load(R.t0, UInt64(initial[i]))
      asm.stW(R.t0, R.s0, 512 + i * 4)
    }
    let block = asm.here()
    extend(&asm)
    for i in 0..<8 { asm.ldW(R.a0 + i, R.s0, 512 + i * 4) }
    rounds(&asm)
    for i in 0..<8 {
      asm.ldW(R.t0, R.s0, 512 + i * 4)
      asm.addW(R.t0, R.t0, R.a0 + i)
      asm.stW(R.t0, R.s0, 512 + i * 4)
    }
    asm.addiD(R.s2, R.s2, -1)
    asm.bnez(R.s2, block)
    asm.ldD(R.a0, R.s0, 512)
    asm.ret()
  }

  private static func storeConstants(_ asm: inout GuestAssembler) {
    for (i, word) in constants.enumerated() {
      asm.load(R.t0, UInt64(word))
      asm.stW(R.t0, R.s0, i * 4)
    }
  }

  /// Words 16–63 of the schedule.
  private static func extend(_ asm: inout GuestAssembler) {
    asm.addiD(R.t5, R.s1, 0)
    asm.addiD(R.t6, R.s1, 48 * 4)
    let word = asm.here()
    asm.ldW(R.t0, R.t5, 4)
    sigma(&asm, 7, 18, shift: 3, of: R.t0, into: R.t1)
    asm.ldW(R.t0, R.t5, 56)
    sigma(&asm, 17, 19, shift: 10, of: R.t0, into: R.t3)
    asm.ldW(R.t0, R.t5, 0)
    asm.addW(R.t1, R.t1, R.t3)
    asm.ldW(R.t4, R.t5, 36)
    asm.addW(R.t1, R.t1, R.t0)
    asm.addW(R.t1, R.t1, R.t4)
    asm.stW(R.t1, R.t5, 64)
    asm.addiD(R.t5, R.t5, 4)
    asm.bne(R.t5, R.t6, word)
  }

  private static func sigma(
    _ asm: inout GuestAssembler, _ a: Int, _ b: Int, shift: Int, of source: Int, into target: Int
  ) {
    asm.rotriW(target, source, a)
    asm.rotriW(R.t2, source, b)
    asm.xor(target, target, R.t2)
    asm.srliW(R.t2, source, shift)
    asm.xor(target, target, R.t2)
  }

  private static func rounds(_ asm: inout GuestAssembler) {
    asm.move(R.t5, R.s0)
    asm.move(R.t6, R.s1)
    asm.addiD(R.t7, R.s0, 256)
    let eight = asm.here()
    for i in 0..<8 { round(&asm, i) }
    asm.addiD(R.t5, R.t5, 32)
    asm.addiD(R.t6, R.t6, 32)
    asm.bne(R.t5, R.t7, eight)
  }

  /// Round `i` of eight: the working variables move round the registers a0–a7 instead of being copied.
  private static func round(_ asm: inout GuestAssembler, _ i: Int) {
    func variable(_ n: Int) -> Int { R.a0 + (n - i + 8) % 8 }
    let (a, b, c, d, e, f, g, h) = (
      variable(0), variable(1), variable(2), variable(3), variable(4), variable(5), variable(6), variable(7)
    )
    bigSigma(&asm, 6, 11, 25, of: e, into: R.t0)
    asm.xor(R.t1, f, g)
    asm.and(R.t1, R.t1, e)
    asm.xor(R.t1, R.t1, g)
    asm.addW(R.t0, R.t0, R.t1)
    asm.ldW(R.t1, R.t5, i * 4)
    asm.ldW(R.t2, R.t6, i * 4)
    asm.addW(R.t1, R.t1, R.t2)
    asm.addW(R.t0, R.t0, h)
    asm.addW(R.t0, R.t0, R.t1)
    asm.addW(d, d, R.t0)
    bigSigma(&asm, 2, 13, 22, of: a, into: R.t1)
    asm.or(R.t2, a, b)
    asm.and(R.t2, R.t2, c)
    asm.and(R.t3, a, b)
    asm.or(R.t2, R.t2, R.t3)
    asm.addW(R.t1, R.t1, R.t2)
    asm.addW(h, R.t0, R.t1)
  }

  private static func bigSigma(
    _ asm: inout GuestAssembler, _ a: Int, _ b: Int, _ c: Int, of source: Int, into target: Int
  ) {
    asm.rotriW(target, source, a)
    asm.rotriW(R.t4, source, b)
    asm.xor(target, target, R.t4)
    asm.rotriW(R.t4, source, c)
    asm.xor(target, target, R.t4)
  }

  private static let initial: [UInt32] = fractions(count: 8, root: 2)
  private static let constants: [UInt32] = fractions(count: 64, root: 3)

  /// The first 32 bits of the fractional parts of the roots of the first primes (FIPS 180-4, 4.2.2 and 5.3.3): the
  /// largest integer whose power is not above the prime times 2^(32·root), by bisection in 128 bits.
  private static func fractions(count: Int, root: Int) -> [UInt32] {
    primes(count).map { prime in
      var (low, high): (UInt128, UInt128) = (0, 1 << 37)
      while high - low > 1 {
        let middle = (low + high) / 2
        let power = (1..<root).reduce(middle) { product, _ in product * middle }
        if power <= UInt128(prime) << UInt128(32 * root) { low = middle } else { high = middle }
      }
      return UInt32(truncatingIfNeeded: low)
    }
  }

  private static func primes(_ count: Int) -> [Int] {
    Array((2...).lazy.filter { n in !(2..<n).contains { n % $0 == 0 } }.prefix(count))
  }
}
