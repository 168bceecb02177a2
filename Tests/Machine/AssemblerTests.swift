import Testing

@testable import Machine

/// Expected words were written down from the manual's encoding tables, not taken from the assembler.
@Suite struct AssemblerTests {
  private func words(_ body: (inout Assembler) -> Void) -> [UInt32] {
    var asm = Assembler()
    body(&asm)
    return asm.assembled().words
  }

  @Test func arithmeticHasTheManualsEncoding() {
    let code = words {
      $0.addi(.t0, .t1, -1)
      $0.ori(.a0, .zero, 3)
      $0.sltui(.t3, .t3, 60)
      $0.lu12i(.t0, 1)
      $0.lu32i(.t0, 0)
      $0.lu52i(.a0, .a0, 0x800)
      $0.mul(.t1, .t1, .t3)
      $0.divu(.t1, .t1, .t3)
      $0.extract(.t1, .t2, high: 31, low: 26)
      $0.insert(.t2, .t1, high: 9, low: 4)
      $0.pageOfCode(.t1)
    }
    #expect(
      code == [
        0x02ff_fdac, 0x0380_0c04, 0x0240_f1ef, 0x1400_002c, 0x1600_000c, 0x0320_0084, 0x001d_bdad, 0x0023_3dad,
        0x00df_69cd, 0x0089_11ae, 0x1a00_000d,
      ])
  }

  @Test func memoryAndSystemHaveTheManualsEncoding() {
    let code = words {
      $0.loadByte(.t1, .a0, 2)
      $0.loadHalf(.t1, .a0, 0)
      $0.loadWord(.t1, .t0, 0x30)
      $0.loadWordUnsigned(.t2, .t0, 0x2c)
      $0.storeByte(.zero, .a1, 8)
      $0.storeHalf(.t1, .a0, 0)
      $0.storeWord(.t2, .t0, 0x24)
      $0.csrWrite(.t0, 4)
      $0.iocsrReadWord(.t1, .t0)
      $0.iocsrReadDouble(.t1, .t2)
      $0.iocsrWriteWord(.t1, .t2)
      $0.idle()
      $0.barrier()
      $0.instructionBarrier()
      $0.jump(register: .ra)
    }
    #expect(
      code == [
        0x2a00_088d, 0x2a40_008d, 0x2880_c18d, 0x2a80_b18e, 0x2900_20a0, 0x2940_008d, 0x2980_918e, 0x0400_102c,
        0x0648_098d, 0x0648_0dcd, 0x0648_19cd, 0x0648_8000, 0x3872_0000, 0x3872_8000, 0x4c00_0020,
      ])
  }

  @Test func branchesReachForwardsAndBackwards() {
    let code = words {
      let back = $0.here()
      let forward = $0.label()
      $0.branchIfZero(.a0, to: forward)
      $0.branchIfDifferent(.t1, .t3, to: back)
      $0.branchIfEqual(.t1, .t3, to: forward)
      $0.jump(to: back)
      $0.place(forward)
      $0.branchIfNotZero(.t3, to: back)
    }
    #expect(code == [0x4000_1080, 0x5fff_fdaf, 0x5800_09af, 0x53ff_f7ff, 0x47ff_f1ff])
  }

  @Test(arguments: [0, 1, 0xfff, 0x8000_0000_100d_0100, 0x9000_0000_0002_1000, UInt64.max, 0x7fff_ffff_8000_0800])
  func loadMakesAny64BitValue(value: UInt64) {
    var asm = Assembler()
    asm.load(.a0, value)
    asm.jump(register: .ra)
    var machine = MiniMachine(code: asm.assembled())
    machine.call(0)
    #expect(machine.registers[4] == value)
  }
}

extension [UInt8] {
  /// The bytes as little-endian words.
  var words: [UInt32] {
    stride(from: 0, to: count, by: 4).map { at in (0..<4).reduce(0) { $0 | UInt32(self[at + $1]) << UInt32(8 * $1) } }
  }
}
