/// One loop, and the two ways in which it is wrapped: a Linux program that prints what it took, and a bare-metal program
/// in which the instructions can be counted.
struct GuestLoop: Sendable {
  let name: String
  /// What people read in the table.
  let title: String
  /// Does double-precision arithmetic.
  let isFloat: Bool
  private let body: @Sendable (inout GuestAssembler) -> Void

  static let integer = [
    GuestLoop("sieve", "sieve of 1 MiB", IntegerLoops.sieve), GuestLoop("crc32", "CRC-32 by table", IntegerLoops.crc32),
    GuestLoop("sha256", "SHA-256 blocks", HashLoop.sha256),
    GuestLoop("qsort", "quicksort of 64 Ki words", IntegerLoops.qsort),
  ]
  static let float = [
    GuestLoop("matmul", "matrix product, fmadd.d", isFloat: true, FloatLoops.matmulFused),
    GuestLoop("matmul2", "matrix product, fmul.d + fadd.d", isFloat: true, FloatLoops.matmulSeparate),
    GuestLoop("mandel", "Mandelbrot", isFloat: true, FloatLoops.mandelbrot),
  ]

  /// A loop that finds its memory at a0 and returns its check value there; `ra` must survive it.
  init(
    _ name: String, _ title: String, isFloat: Bool = false, _ body: @escaping @Sendable (inout GuestAssembler) -> Void
  ) {
    (self.name, self.title, self.isFloat, self.body) = (name, title, isFloat, body)
  }

  /// Bytes of zeroed memory that a loop gets.
  static let workBytes: UInt64 = 16 << 20

  // MARK: bare metal

  /// Nothing serves this address: the store of the check value to it leaves the virtual machine.
  static let endAddress: UInt64 = 0x1fd0_0000
  private static let floatEnable = 1
  private static let extendedUnitEnable = 2

  /// Instructions around the loop in the bare-metal program.
  static let bareMetalOverhead: UInt64 = 8

  /// Runs the loop with its memory at `work`, then stores its check value to `endAddress`.
  func bareMetal(work: UInt64) -> [UInt8] {
    var asm = GuestAssembler()
    let routine = asm.label()
    asm.load(R.t0, UInt64(Self.floatEnable))
    asm.csrWrite(R.t0, Self.extendedUnitEnable)
    asm.load(R.a0, work)
    asm.call(routine)
    asm.load(R.t0, Self.endAddress)
    asm.stD(R.a0, R.t0, 0)
    let stop = asm.here()
    asm.jump(stop)
    asm.place(routine)
    body(&asm)
    return asm.assembled()
  }

  // MARK: Linux

  private static let codeAddress: UInt64 = 0x1_2001_0000
  private static let work: UInt64 = 0x1_2010_0000
  private static let (clockMonotonic, clockGetTime, write, exit): (UInt64, UInt64, UInt64, UInt64) = (1, 113, 64, 93)

  /// A static program that prints two hexadecimal numbers of 16 digits: nanoseconds and the check value.
  var program: [UInt8] {
    var asm = GuestAssembler()
    let (routine, digits) = (asm.label(), asm.label())
    Self.storeTime(&asm, at: 0)
    asm.load(R.a0, Self.work)
    asm.call(routine)
    asm.load(R.sp, Self.scratch)
    asm.stD(R.a0, R.sp, 64)
    Self.storeTime(&asm, at: 16)
    Self.storeDifference(&asm)
    asm.addiD(R.a1, R.sp, 128)
    asm.ldD(R.a0, R.sp, 48)
    asm.call(digits)
    asm.ldD(R.a0, R.sp, 64)
    asm.call(digits)
    Self.systemCall(&asm, Self.write, 1, R.sp, 128, 34)
    Self.systemCall(&asm, Self.exit, 0, R.sp, 0, 0)
    asm.place(digits)
    Self.hexadecimal(&asm)
    asm.place(routine)
    body(&asm)
    return ELFWriter.program(
      code: asm.assembled(), at: Self.codeAddress, memoryEnd: Self.work + Self.workBytes, entry: Self.codeAddress)
  }

  /// Memory of the wrapper, before that of the loop.
  private static let scratch = work - 0x1000

  private static func storeTime(_ asm: inout GuestAssembler, at offset: Int) {
    asm.load(R.sp, scratch)
    asm.load(R.a0, clockMonotonic)
    asm.addiD(R.a1, R.sp, offset)
    asm.load(R.a7, clockGetTime)
    asm.systemCall()
  }

  /// sp[48] = the two timespecs' difference in nanoseconds.
  private static func storeDifference(_ asm: inout GuestAssembler) {
    asm.ldD(R.t0, R.sp, 0)
    asm.ldD(R.t1, R.sp, 16)
    asm.subD(R.t0, R.t1, R.t0)
    asm.load(R.t1, 1_000_000_000)
    asm.mulD(R.t0, R.t0, R.t1)
    asm.ldD(R.t1, R.sp, 8)
    asm.ldD(R.t2, R.sp, 24)
    asm.subD(R.t2, R.t2, R.t1)
    asm.addD(R.t0, R.t0, R.t2)
    asm.stD(R.t0, R.sp, 48)
  }

  private static func systemCall(
    _ asm: inout GuestAssembler, _ number: UInt64, _ a0: UInt64, _ base: Int, _ offset: Int, _ a2: UInt64
  ) {
    asm.load(R.a0, a0)
    asm.addiD(R.a1, base, offset)
    asm.load(R.a2, a2)
    asm.load(R.a7, number)
    asm.systemCall()
  }

  /// Writes a0 as 16 digits and a newline at a1, which moves behind them.
  static func hexadecimal(_ asm: inout GuestAssembler) {
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
    asm.stB(R.t1, R.a1, 0)
    asm.addiD(R.a1, R.a1, 1)
    asm.addiD(R.t0, R.t0, -1)
    asm.bnez(R.t0, digit)
    asm.load(R.t1, 10)
    asm.stB(R.t1, R.a1, 0)
    asm.addiD(R.a1, R.a1, 1)
    asm.ret()
  }
}
