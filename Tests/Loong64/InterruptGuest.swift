import KernelSamples
import Machine

/// A guest of a hundred instructions with direct addressing: it opens pin 2 from the UART to its CPU, has the UART interrupt,
/// and sleeps. When the interrupt comes it leaves a record in RAM and a line on the console, and switches the machine off.
enum InterruptGuest {
  static let base: UInt64 = 0x20_0000
  static let entry = base + 0x1000
  private static let handler = base + 0x2000
  /// Where the handler writes: ESTAT, IIR, COREISR and `mark`, a word each.
  static let record = 0x20_4000
  static let mark: UInt32 = 0xa701
  static let line = "first interrupt\n"

  private static let uart: UInt64 = 0x1fe0_01e0
  private static let pchPIC: UInt64 = 0x1000_0000
  private static let sleepControl: UInt64 = 0x100e_001c

  /// As a kernel that a loader takes; for a machine without one, the bytes from `base` on.
  static let kernel = image(endsWith: switchOff)
  /// The same, which goes on sleeping instead of switching off.
  static let sleeper = image(endsWith: sleep)

  private static func image(endsWith end: (inout Assembler) -> Void) -> [UInt8] {
    var image = SyntheticKernel.image(load: base, entry: entry, size: 0x5000)
    for (address, code) in [(entry, start), (handler, interrupt(end))] {
      let offset = Int(address - base)
      image.replaceSubrange(offset..<offset + code.count, with: code)
    }
    return image
  }

  private static var start: [UInt8] {
    var code = Assembler()
    setCSR(&code, 0xc, handler)  // EENTRY
    setCSR(&code, 0x4, 0x3fc)  // ECFG: the eight hardware lines
    setIOCSR(&code, 0x4000_0004, 2)  // EIOINTC on, if it has the virtual extension
    setIOCSR(&code, 0x1600, 1 << 2)  // ENABLE of vector 2
    setWord(&code, pchPIC + 0x60, 1 << 2)  // edge
    setWord(&code, pchPIC + 0x20, ~(1 << 2))  // mask
    setCSR(&code, 0x0, 0xc)  // CRMD: direct addressing, interrupts on
    code.load(.t0, uart)
    code.ori(.t1, .zero, 2)  // IER: transmitter empty, which it is
    code.storeByte(.t1, .t0, 1)
    sleep(&code)
    return code.assembled()
  }

  private static func interrupt(_ end: (inout Assembler) -> Void) -> [UInt8] {
    var code = Assembler()
    code.load(.t3, UInt64(record))
    code.addi(.t1, .zero, 0)
    code.csrWrite(.t1, 0x5)  // ESTAT's old value
    code.storeWord(.t1, .t3, 0)
    code.load(.t0, uart)
    code.loadByte(.t1, .t0, 2)  // IIR
    code.storeWord(.t1, .t3, 4)
    code.load(.t0, 0x1800)  // COREISR
    code.iocsrReadWord(.t1, .t0)
    code.storeWord(.t1, .t3, 8)
    setWord(&code, UInt64(record + 12), mark)
    code.load(.t0, uart)
    for byte in line.utf8 {
      code.addi(.t1, .zero, Int32(byte))
      code.storeByte(.t1, .t0, 0)
    }
    end(&code)
    return code.assembled()
  }

  private static func switchOff(_ code: inout Assembler) {
    code.load(.t0, sleepControl)
    code.addi(.t1, .zero, 0x34)  // S5
    code.storeByte(.t1, .t0, 0)
    sleep(&code)
  }

  private static func sleep(_ code: inout Assembler) {
    let again = code.here()
    code.idle()
    code.jump(to: again)
  }
  private static func setCSR(_ code: inout Assembler, _ csr: UInt32, _ value: UInt64) {
    code.load(.t1, value)
    code.csrWrite(.t1, csr)
  }
  private static func setIOCSR(_ code: inout Assembler, _ register: UInt64, _ value: UInt64) {
    code.load(.t0, register)
    code.load(.t1, value)
    code.iocsrWriteWord(.t1, .t0)
  }
  private static func setWord(_ code: inout Assembler, _ address: UInt64, _ value: UInt32) {
    code.load(.t0, address)
    code.load(.t1, UInt64(value))
    code.storeWord(.t1, .t0, 0)
  }
}
