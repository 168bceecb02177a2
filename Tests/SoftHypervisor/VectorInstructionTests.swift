import Testing

@testable import SoftHypervisor

/// What the manual says in words, on values that can be checked by eye. Operands: vd is vr1, vj vr2, vk vr3, va vr4.
@Suite struct VectorInstructionTests {
  struct Example: Sendable, CustomStringConvertible {
    var description: String
    var word: UInt32
    var j: UInt128 = 0
    var k: UInt128 = 0
    var a: UInt128 = 0
    var d: UInt128 = 0
    var expected: UInt128
  }

  private static let bytes: UInt128 = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100
  private static let others: UInt128 = 0x1f1e_1d1c_1b1a_1918_1716_1514_1312_1110
  private static let ones: UInt128 = ~0

  static let arithmetic: [Example] = [
    Example(
      description: "vadd.b does not carry between bytes", word: 0x700a_0c41, j: ones, k: 0x0101, expected: ones << 16),
    Example(
      description: "vadd.q carries across the halves", word: 0x712d_0c41, j: 1 << 64 - 1, k: 1, expected: 1 << 64),
    Example(description: "vsadd.b stops at 127", word: 0x7046_0c41, j: 0x7f, k: 1, expected: 0x7f),
    Example(description: "vsadd.b stops at -128", word: 0x7046_0c41, j: 0x80, k: 0xff, expected: 0x80),
    Example(description: "vssub.du stops at 0", word: 0x704d_8c41, j: 1, k: 2, expected: 0),
    Example(description: "vavgr.bu of 255 and 254 is 255", word: 0x706a_0c41, j: 0xff, k: 0xfe, expected: 0xff),
    Example(description: "vavg.b rounds down", word: 0x7064_0c41, j: 0xff, k: 0, expected: 0xff),
    Example(description: "vmuh.d of two -1 is 0", word: 0x7087_8c41, j: 1 << 64 - 1, k: 1 << 64 - 1, expected: 0),
    Example(
      description: "vmulwev.q.du keeps 128 bits", word: 0x7099_8c41, j: 1 << 64 - 1, k: 1 << 64 - 1,
      expected: 0xffff_ffff_ffff_fffe_0000_0000_0000_0001),
    Example(description: "vmaddwod.h.b adds to vd", word: 0x70ae_0c41, j: 0xff00, k: 0x0200, d: 5, expected: 3),
    Example(description: "vdiv.w by 0 is 0", word: 0x70e1_0c41, j: 7, k: 0, expected: 0),
    Example(
      description: "vdiv.w of the least by -1 is the least", word: 0x70e1_0c41, j: 0x8000_0000, k: 0xffff_ffff,
      expected: 0x8000_0000),
    Example(
      description: "vmod.w of the least by -1 is 0", word: 0x70e3_0c41, j: 0x8000_0000, k: 0xffff_ffff, expected: 0),
    Example(description: "vsat.b to 4 bits", word: 0x7324_2c41, j: 0x80_7f_07_f8, expected: 0xf8_07_07_f8),
    Example(description: "vhaddw.q.d adds vj high to vk low", word: 0x7055_8c41, j: 3 << 64, k: 4, expected: 7),
  ]

  static let bits: [Example] = [
    Example(description: "vsll.b counts modulo 8", word: 0x70e8_0c41, j: 0x0101, k: 0x0908, expected: 0x0201),
    Example(description: "vsrari.h rounds", word: 0x72a8_4441, j: 0x0003, expected: 2),
    Example(description: "vrotri.w by 8", word: 0x72a0_a041, j: 0x1234_5678, expected: 0x7812_3456),
    Example(description: "vssrarni.du.q clamps -1 to 0", word: 0x736e_0041, j: ones, d: 7, expected: 7 << 64),
    Example(
      description: "vssran.b.h saturates, high half 0", word: 0x70fe_8c41, j: 0x8000_7fff, d: ones, expected: 0x807f),
    Example(description: "vbitrevi.d 63", word: 0x7319_fc41, j: 0, expected: 1 << 127 | 1 << 63),
    Example(description: "vclo.b", word: 0x729c_0041, j: 0xf0, expected: 4),
    Example(description: "vpcnt.d", word: 0x729c_2c41, j: ones, expected: 64 << 64 | 64),
    Example(description: "vmskltz.b", word: 0x729c_4041, j: 1 << 127 | 0x80, expected: 0x8001),
    Example(description: "vmsknz.b", word: 0x729c_6041, j: 1 << 120 | 0x0100, expected: 0x8002),
    Example(
      description: "vbitsel.v takes vk where va is set", word: 0x0d12_0c41, j: 0xaa, k: 0x55, a: 0x0f, expected: 0xa5),
    Example(description: "vandn.v inverts vj", word: 0x7128_0c41, j: 0x0f, k: 0xff, expected: 0xf0),
    Example(
      description: "vldi as single 1.0", word: 0x73e0_0001 | 0x1a70 << 5,
      expected: 0x3f80_0000_3f80_0000_3f80_0000_3f80_0000),
    Example(
      description: "vldi as bytes by bit", word: 0x73e0_0001 | 0x1981 << 5,
      expected: 0xff00_0000_0000_00ff_ff00_0000_0000_00ff),
    Example(description: "vfrstpi.b finds byte 3, writes byte 1", word: 0x729a_0441, j: 0x8000_0000, expected: 0x0300),
    Example(description: "vfrstpi.h finds none", word: 0x729a_8041, j: 0, expected: 8),
  ]

  static let moves: [Example] = [
    Example(
      description: "vilvl.b puts vj in odd bytes", word: 0x711a_0c41, j: others, k: bytes,
      expected: 0x1707_1606_1505_1404_1303_1202_1101_1000),
    Example(
      description: "vpickev.b", word: 0x711e_0c41, j: others, k: bytes,
      expected: 0x1e1c_1a18_1614_1210_0e0c_0a08_0604_0200),
    Example(
      description: "vpackod.d", word: 0x7119_8c41, j: others, k: bytes,
      expected: 0x1f1e_1d1c_1b1a_1918_0f0e_0d0c_0b0a_0908),
    Example(
      description: "vshuf.b names vk by 0-15, vj by 16-31", word: 0x0d52_0c41, j: others, k: bytes,
      a: 0x1f00_0000_0000_0000_0000_0000_0000_100f, expected: 0x1f00_0000_0000_0000_0000_0000_0000_100f),
    Example(
      description: "vshuf4i.b 0x1b reverses each four", word: 0x7390_6c41, j: bytes,
      expected: 0x0c0d_0e0f_0809_0a0b_0405_0607_0001_0203),
    Example(
      description: "vpermi.w 0x4e", word: 0x73e5_3841, j: bytes, d: others,
      expected: 0x1716_1514_1312_1110_0f0e_0d0c_0b0a_0908),
    Example(
      description: "vextrins.b 0x1f: byte 15 to byte 1", word: 0x738c_7c41, j: bytes, d: others,
      expected: 0x1f1e_1d1c_1b1a_1918_1716_1514_1312_0f10),
    Example(description: "vbsrl.v 15", word: 0x728e_bc41, j: bytes, expected: 0x0f),
    Example(description: "vexth.h.b", word: 0x729e_e041, j: 0x80 << 64, expected: 0xff80),
  ]

  @Test(arguments: arithmetic + bits + moves)
  func example_givesExpectedVector(_ example: Example) {
    let machine = VectorMachine()
    machine[vector: 1] = example.d
    machine[vector: 2] = example.j
    machine[vector: 3] = example.k
    machine[vector: 4] = example.a
    #expect(machine.run(example.word) == .done)
    #expect(machine[vector: 1] == example.expected)
  }

  @Test func pickElementToRegisterZero_leavesZero() {
    let machine = VectorMachine()
    machine[vector: 2] = 0xff
    #expect(machine.run(0x72ef_8040) == .done)
    #expect(machine.registers.gpr[0] == 0)
  }

  @Test func pickWordSigned_extendsSign() {
    let machine = VectorMachine()
    machine[vector: 2] = 0x8000_0001 << 96
    #expect(machine.run(0x72ef_ec41) == .done)
    #expect(machine.registers.gpr[1] == 0xffff_ffff_8000_0001)
  }

  @Test(arguments: [(UInt128(0), UInt8(1)), (1 << 127, 0)])
  func setIfZero_writesFlag(vector: UInt128, flag: UInt8) {
    let machine = VectorMachine()
    machine[vector: 2] = vector
    #expect(machine.run(0x729c_9847) == .done)
    #expect(machine.registers.fcc[7] == flag)
  }
}
