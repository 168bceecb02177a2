import Machine

/// A bare-metal guest that times register reads with its own counter and prints how often each duration came:
/// one line of 16 hexadecimal digits for each, kind << 48 | ticks << 32 | count.
enum RegisterProbe {
  /// What is timed.
  enum Kind: Int, CaseIterable {
    /// Two readings of the counter with nothing between.
    case nothing
    /// A register that the VMM answers itself.
    case core
    /// A register of the serial process, read again and again.
    case awake
    /// The same, 2 ms after the last one.
    case asleep
  }

  /// Ticks of the stable counter in a second (CPUCFG.4 and .5 of both machines).
  static let frequency = 100_000_000.0

  private static let codeAddress: UInt64 = 0x20_0000
  private static let histograms: UInt64 = 0x100_0000
  private static let buckets: UInt64 = 1 << 16
  private static let pause: UInt64 = 200_000
  private static let scratchRegister = MemoryMap.serialPort.start + 7
  private static let lineStatus = 5
  private static let transmitterEmpty = 0x20

  /// The program as an ELF file. Without `core` it leaves that kind out: QEMU has no such register.
  static func program(core: Bool) -> [UInt8] {
    var asm = GuestAssembler()
    asm.load(R.s3, MemoryMap.serialPort.start)
    sample(&asm, .nothing, count: 20_000, address: nil)
    if core { sample(&asm, .core, count: 20_000, address: MemoryMap.chipRegisters.start) }
    sample(&asm, .awake, count: 20_000, address: scratchRegister)
    sample(&asm, .asleep, count: 300, address: scratchRegister)
    report(&asm)
    asm.load(R.t0, PowerRegister.sleepControl)
    asm.load(R.t1, UInt64(PowerRegister.powerOffValue))
    asm.stB(R.t1, R.t0, 0)
    let stop = asm.here()
    asm.jump(stop)
    let code = asm.assembled()
    return ELFWriter.write(
      [ELFWriter.Segment(address: codeAddress, bytes: code, memory: UInt64(code.count))], entry: codeAddress)
  }

  private static func sample(_ asm: inout GuestAssembler, _ kind: Kind, count: UInt64, address: UInt64?) {
    asm.load(R.s0, count)
    asm.load(R.s1, address ?? 0)
    asm.load(R.s2, histograms + UInt64(kind.rawValue) * buckets * 4)
    asm.load(R.s4, buckets - 1)
    let again = asm.here()
    if kind == .asleep { wait(&asm) }
    asm.rdtime(R.t0)
    if address != nil { asm.ldBU(R.t1, R.s1, 0) }
    asm.rdtime(R.t1)
    asm.subD(R.t0, R.t1, R.t0)
    let small = asm.label()
    asm.bltu(R.t0, R.s4, small)
    asm.move(R.t0, R.s4)
    asm.place(small)
    asm.addScaled4(R.t0, R.t0, R.s2)
    asm.ldW(R.t1, R.t0, 0)
    asm.addiD(R.t1, R.t1, 1)
    asm.stW(R.t1, R.t0, 0)
    asm.addiD(R.s0, R.s0, -1)
    asm.bnez(R.s0, again)
  }

  private static func wait(_ asm: inout GuestAssembler) {
    asm.rdtime(R.t0)
    asm.load(R.t1, pause)
    asm.addD(R.t1, R.t0, R.t1)
    let spin = asm.here()
    asm.rdtime(R.t0)
    asm.bltu(R.t0, R.t1, spin)
  }

  private static func report(_ asm: inout GuestAssembler) {
    let skip = asm.label()
    asm.load(R.s0, histograms)
    asm.move(R.s1, R.zero)
    asm.load(R.s2, UInt64(Kind.allCases.count) * buckets)
    let bucket = asm.here()
    asm.ldWU(R.t0, R.s0, 0)
    asm.beqz(R.t0, skip)
    asm.slliD(R.t1, R.s1, 32)
    asm.or(R.a0, R.t0, R.t1)
    printLine(&asm)
    asm.place(skip)
    asm.addiD(R.s0, R.s0, 4)
    asm.addiD(R.s1, R.s1, 1)
    asm.bne(R.s1, R.s2, bucket)
  }

  /// Sends a0 as 16 digits and a newline through the UART at s3.
  private static func printLine(_ asm: inout GuestAssembler) {
    let (letter, store) = (asm.label(), asm.label())
    asm.load(R.t0, 16)
    let digit = asm.here()
    asm.srliD(R.t1, R.a0, 60)
    asm.slliD(R.a0, R.a0, 4)
    asm.load(R.t2, 10)
    asm.bgeu(R.t1, R.t2, letter)
    asm.addiD(R.t1, R.t1, 0x30)
    asm.jump(store)
    asm.place(letter)
    asm.addiD(R.t1, R.t1, 0x57)
    asm.place(store)
    send(&asm, R.t1)
    asm.addiD(R.t0, R.t0, -1)
    asm.bnez(R.t0, digit)
    asm.load(R.t1, 10)
    send(&asm, R.t1)
  }

  private static func send(_ asm: inout GuestAssembler, _ byte: Int) {
    let busy = asm.here()
    asm.ldBU(R.t3, R.s3, lineStatus)
    asm.andi(R.t3, R.t3, transmitterEmpty)
    asm.beqz(R.t3, busy)
    asm.stB(byte, R.s3, 0)
  }

  /// Durations of each kind in nanoseconds, ascending, as (duration, count); nil if the text is not a whole report.
  static func parse(_ text: String) -> [Kind: [(nanoseconds: Double, count: Int)]] {
    var result: [Kind: [(nanoseconds: Double, count: Int)]] = [:]
    for line in text.split(whereSeparator: { $0 == "\n" || $0 == "\r" || $0 == "\r\n" }) where line.count == 16 {
      guard let word = UInt64(line, radix: 16), let kind = Kind(rawValue: Int(word >> 48)) else { continue }
      let ticks = Double(word >> 32 & 0xffff)
      result[kind, default: []].append((ticks / frequency * 1e9, Int(word & 0xffff_ffff)))
    }
    return result
  }

  /// The duration below which `share` of all samples lie.
  static func quantile(_ samples: [(nanoseconds: Double, count: Int)], _ share: Double) -> Double {
    let wanted = Double(samples.reduce(0) { $0 + $1.count }) * share
    var seen = 0.0
    for sample in samples {
      seen += Double(sample.count)
      if seen >= wanted { return sample.nanoseconds }
    }
    return samples.last?.nanoseconds ?? .nan
  }
}
