import Testing

/// Runs the assembler's few instructions, so that the machine's own code is tested as code: an independent reading of
/// the encodings (LoongArch Reference Manual Volume 1, appendix B). Memory is a dictionary of bytes.
struct MiniMachine {
  var registers = [UInt64](repeating: 0, count: 32)
  var memory: [UInt64: UInt8] = [:]
  private(set) var stores: [(address: UInt64, size: Int, value: UInt64)] = []
  private(set) var idled = false
  private let code: [UInt32]
  private static let returnAddress: UInt64 = 0xffff_fff0

  init(code: [UInt8]) { self.code = code.words }

  /// Calls the code at `offset` until it returns, idles or has run 1000 instructions.
  mutating func call(_ offset: Int, _ a0: UInt64 = 0, _ a1: UInt64 = 0) {
    registers[1] = Self.returnAddress
    registers[4] = a0
    registers[5] = a1
    var pc = UInt64(offset)
    for _ in 0..<1000 where pc != Self.returnAddress && !idled {
      guard Int(pc / 4) < code.count else { return }
      pc = step(code[Int(pc / 4)], pc)
      registers[0] = 0
    }
  }

  mutating func load(_ address: UInt64, _ size: Int) -> UInt64 {
    (0..<size).reduce(0) { $0 | UInt64(memory[address + UInt64($1)] ?? 0) << UInt64(8 * $1) }
  }

  mutating func store(_ address: UInt64, _ size: Int, _ value: UInt64) {
    stores.append((address, size, value & (size == 8 ? .max : 1 << UInt64(8 * size) - 1)))
    for i in 0..<size { memory[address + UInt64(i)] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
  }

  private mutating func step(_ word: UInt32, _ pc: UInt64) -> UInt64 {
    let (rd, rj, rk) = (Int(word & 31), Int(word >> 5 & 31), Int(word >> 10 & 31))
    let immediate = UInt64(word >> 10 & 0xfff)
    let signed = UInt64(bitPattern: Int64(bitPattern: immediate << 52) >> 52)
    let field20 = UInt64(bitPattern: Int64(bitPattern: UInt64(word >> 5 & 0xf_ffff) << 44) >> 44)
    let (high, low) = (UInt64(word >> 16 & 63), UInt64(word >> 10 & 63))
    let mask: UInt64 = high &- low >= 63 ? .max : (1 << (high &- low &+ 1)) &- 1
    let a = registers[rj]
    let address = a &+ signed
    switch word >> 22 {
    case 0x00b: registers[rd] = address
    case 0x00e: registers[rd] = a | immediate
    case 0x009: registers[rd] = a < signed ? 1 : 0
    case 0x00c: registers[rd] = immediate << 52 | a & (1 << 52 - 1)
    case 0x003: registers[rd] = a >> low & mask
    case 0x002: registers[rd] = registers[rd] & ~(mask << low) | (a & mask) << low
    case 0x0a8: registers[rd] = load(address, 1)
    case 0x0a9: registers[rd] = load(address, 2)
    case 0x0aa: registers[rd] = load(address, 4)
    case 0x0a2: registers[rd] = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: load(address, 4))))
    case 0x0a4: store(address, 1, registers[rd])
    case 0x0a5: store(address, 2, registers[rd])
    case 0x0a6: store(address, 4, registers[rd])
    case 0x050..<0x058: registers[rd] = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: field20 << 12)))
    case 0x058..<0x060: registers[rd] = registers[rd] & 0xffff_ffff | field20 << 32
    default: return other(word, pc, a, registers[rk])
    }
    return pc + 4
  }

  private mutating func other(_ word: UInt32, _ pc: UInt64, _ a: UInt64, _ b: UInt64) -> UInt64 {
    let rd = Int(word & 31)
    let low16 = UInt64(word >> 10 & 0xffff)
    let near = pc &+ UInt64(bitPattern: Int64(bitPattern: low16 << 48) >> 46)
    let middle = pc &+ UInt64(bitPattern: Int64(bitPattern: (low16 | UInt64(word & 31) << 16) << 43) >> 41)
    let far = pc &+ UInt64(bitPattern: Int64(bitPattern: (low16 | UInt64(word & 1023) << 16) << 38) >> 36)
    switch word >> 26 {
    case 0x10: return a == 0 ? middle : pc + 4
    case 0x11: return a != 0 ? middle : pc + 4
    case 0x13: return a
    case 0x14: return far
    case 0x16: return a == registers[rd] ? near : pc + 4
    case 0x17: return a != registers[rd] ? near : pc + 4
    default: break
    }
    switch word >> 15 {
    case 0x3b: registers[rd] = a &* b
    case 0x46: registers[rd] = b == 0 ? 0 : a / b
    case 0xc91: idled = true
    default: Issue.record("unknown instruction \(String(word, radix: 16))")
    }
    return pc + 4
  }
}
