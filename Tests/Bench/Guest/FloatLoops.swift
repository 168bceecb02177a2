/// Double-precision work as a compiler lays it out. Conventions as `IntegerLoops`; all floating-point registers are free.
enum FloatLoops {
  /// Rows and columns of the matrices.
  private static let size = 128
  private static let rowBytes = size * 8
  private static let matrixBytes = UInt64(size * rowBytes)

  /// Matrix product with fmadd.d, which is what a compiler makes of a sum of products by default.
  static func matmulFused(_ asm: inout GuestAssembler) { matmul(&asm, fused: true) }
  /// Matrix product with a product and a sum, each rounded.
  static func matmulSeparate(_ asm: inout GuestAssembler) { matmul(&asm, fused: false) }

  /// a0: first matrix, s1: second, s2: product. Returns the bits of the sum of the product's elements.
  private static func matmul(_ asm: inout GuestAssembler, fused: Bool) {
    asm.load(R.t0, matrixBytes)
    asm.addD(R.s1, R.a0, R.t0)
    asm.addD(R.s2, R.s1, R.t0)
    asm.addD(R.s3, R.s2, R.t0)
    fill(&asm)
    asm.load(R.s0, 8)
    let pass = asm.here()
    asm.move(R.s4, R.a0)
    asm.move(R.a3, R.s2)
    let row = asm.here()
    asm.addiD(R.s5, R.s4, rowBytes)
    asm.move(R.s6, R.s1)
    asm.addiD(R.a2, R.s1, rowBytes)
    let column = asm.here()
    dotProduct(&asm, fused: fused)
    asm.fstD(0, R.a3, 0)
    asm.addiD(R.a3, R.a3, 8)
    asm.addiD(R.s6, R.s6, 8)
    asm.bne(R.s6, R.a2, column)
    asm.move(R.s4, R.s5)
    asm.bne(R.s4, R.s1, row)
    asm.addiD(R.s0, R.s0, -1)
    asm.bnez(R.s0, pass)
    sum(&asm)
  }

  /// f0 = row at s4 (ends at s5) · column at s6.
  private static func dotProduct(_ asm: inout GuestAssembler, fused: Bool) {
    asm.move(R.t0, R.s4)
    asm.move(R.t1, R.s6)
    asm.toFloat(0, R.zero)
    let term = asm.here()
    asm.fldD(1, R.t0, 0)
    asm.fldD(2, R.t1, 0)
    asm.addiD(R.t0, R.t0, 8)
    asm.addiD(R.t1, R.t1, rowBytes)
    if fused {
      asm.fmaddD(0, 1, 2, 0)
    } else {
      asm.fmulD(1, 1, 2)
      asm.faddD(0, 0, 1)
    }
    asm.bne(R.t0, R.s5, term)
  }

  /// Both matrices: small numbers with a long fraction, so that sums round.
  private static func fill(_ asm: inout GuestAssembler) {
    asm.load(R.t0, (0.001953).bitPattern)
    asm.toFloat(1, R.t0)
    asm.load(R.t1, 1)
    asm.move(R.t2, R.a0)
    let element = asm.here()
    asm.toFloat(0, R.t1)
    asm.ffintDL(0, 0)
    asm.fmulD(0, 0, 1)
    asm.fstD(0, R.t2, 0)
    asm.addiD(R.t1, R.t1, 7)
    asm.andi(R.t1, R.t1, 1023)
    asm.addiD(R.t2, R.t2, 8)
    asm.bne(R.t2, R.s2, element)
  }

  private static func sum(_ asm: inout GuestAssembler) {
    asm.toFloat(0, R.zero)
    asm.move(R.t0, R.s2)
    let element = asm.here()
    asm.fldD(1, R.t0, 0)
    asm.faddD(0, 0, 1)
    asm.addiD(R.t0, R.t0, 8)
    asm.bne(R.t0, R.s3, element)
    asm.fromFloat(R.a0, 0)
    asm.ret()
  }

  /// Points of the Mandelbrot set, 160 × 160 between −2 − 1.25i and 0.5 + 1.25i, at most 1000 steps; returns all steps taken.
  static func mandelbrot(_ asm: inout GuestAssembler) {
    constant(&asm, 10, 2.5 / 160)
    constant(&asm, 11, 4)
    constant(&asm, 12, -2)
    constant(&asm, 13, -1.25)
    asm.move(R.a0, R.zero)
    asm.load(R.s2, 160)
    asm.load(R.s0, 160)
    asm.fmovD(3, 13)
    let row = asm.here()
    asm.move(R.s1, R.s2)
    asm.fmovD(2, 12)
    let point = asm.here()
    iterate(&asm)
    asm.faddD(2, 2, 10)
    asm.addiD(R.s1, R.s1, -1)
    asm.bnez(R.s1, point)
    asm.faddD(3, 3, 10)
    asm.addiD(R.s0, R.s0, -1)
    asm.bnez(R.s0, row)
    asm.ret()
  }

  /// z = z² + c with c in f2 + f3·i until |z|² > 4; adds the steps to a0.
  private static func iterate(_ asm: inout GuestAssembler) {
    let escaped = asm.label()
    asm.load(R.t0, 1000)
    asm.toFloat(0, R.zero)
    asm.toFloat(1, R.zero)
    let step = asm.here()
    asm.fmulD(4, 0, 0)
    asm.fmulD(5, 1, 1)
    asm.fmulD(6, 0, 1)
    asm.faddD(7, 4, 5)
    asm.addiD(R.a0, R.a0, 1)
    asm.fcmpLess(11, 7)
    asm.branchIfFlag(escaped)
    asm.fsubD(0, 4, 5)
    asm.faddD(1, 6, 6)
    asm.faddD(0, 0, 2)
    asm.faddD(1, 1, 3)
    asm.addiD(R.t0, R.t0, -1)
    asm.bnez(R.t0, step)
    asm.place(escaped)
  }

  private static func constant(_ asm: inout GuestAssembler, _ register: Int, _ value: Double) {
    asm.load(R.t0, value.bitPattern)
    asm.toFloat(register, R.t0)
  }
}
