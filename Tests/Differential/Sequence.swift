/// One tested instruction, with what has to stand around it.
struct Operation: Sendable {
  let opcode: Opcode
  /// The tested instruction.
  let word: UInt32
  /// All words, the tested one among them.
  let words: [UInt32]

  /// "add.w r3, r5, r7".
  var text: String {
    let operands = opcode.operands.map { operand -> String in
      let value = operand.value(in: word)
      return switch operand.kind {
      case .source, .destination, .scratchBase, .index, .alignedAddress, .lowBound, .highBound: "r\(value)"
      case .float: "f\(value)"
      case .vector: "vr\(value)"
      case .flag: "fcc\(value)"
      case .controlRegister: "fcsr\(value)"
      case .immediate: "\(value)"
      case .scratchOffset(let unit):
        "\(Int(Int32(bitPattern: value << (32 - operand.width)) >> Int32(32 - operand.width)) * unit)"
      }
    }
    return "\(opcode.name) \(operands.joined(separator: ", "))"
  }
}

/// General registers that have a task. Destinations are taken from the others; sources from all.
enum Reserved {
  /// FCSR snapshots after the instructions of a floating-point sequence: r10 …
  static let firstSnapshot: UInt32 = 10
  /// What FCSR is reset to after each of them.
  static let controlReset: UInt32 = 18
  static let highBound: UInt32 = 26
  static let lowBound: UInt32 = 27
  static let alignedAddress: UInt32 = 28
  static let index: UInt32 = 29
  static let scratchBase: UInt32 = 30
  /// The register block; belongs to the program around the sequences.
  static let block: UInt32 = 31

  /// Values that FCSR0 can hold: QEMU keeps what is written to its reserved bits, the manual makes them read 0.
  static let controlValues: [UInt32] = [24, 25]

  static let destinations: [UInt32] = Array(0..<10) + Array(19..<24)
  static let allDestinations: [UInt32] = Array(0..<26)
}

/// A sequence of tested instructions and the registers that it starts with.
struct Sequence: Sendable {
  /// Tested instructions in one sequence: few, so that results do not drown what follows; no more than snapshots.
  static let length = 8

  var operations: [Operation] = []
  var start = RegisterBlock()
}

/// Makes sequences out of opcodes.
struct SequenceGenerator {
  var random: SplitMix
  /// Snapshot and reset FCSR after each instruction.
  let usesFloat: Bool

  init(seed: UInt64, usesFloat: Bool) {
    random = SplitMix(seed: seed)
    self.usesFloat = usesFloat
  }

  /// Sequences in which each of `opcodes` occurs `times` times, in random order.
  mutating func sequences(of opcodes: [Opcode], times: Int) -> [Sequence] {
    var order = opcodes.indices.flatMap { Array(repeating: $0, count: times) }
    for index in stride(from: order.count - 1, to: 0, by: -1) { order.swapAt(index, random.below(index + 1)) }
    return stride(from: 0, to: order.count, by: Sequence.length).map { first in
      let chosen = order[first..<min(first + Sequence.length, order.count)]
      var sequence = Sequence()
      for (position, index) in chosen.enumerated() { sequence.operations.append(operation(opcodes[index], position)) }
      sequence.start = registers()
      return sequence
    }
  }

  private mutating func registers() -> RegisterBlock {
    var block = RegisterBlock()
    for register in 1..<26 { block[gpr: register] = OperandValues.integer(&random) }
    if random.below(2) == 0 { block[gpr: 3] = block[gpr: 4] }
    block.indexOffset = random.below(184) - 96
    block.alignedOffset = random.below(23) * 8 - 96
    block[gpr: Int(Reserved.controlReset)] = usesFloat ? (random.next() % 4) << 8 : OperandValues.integer(&random)
    block.fcsr = UInt32(random.below(4)) << 8
    if usesFloat { for register in Reserved.controlValues { block[gpr: Int(register)] = random.next() & 0x1f1f_031f } }
    for flag in 0..<8 { block.setFlag(flag, random.below(2) == 1) }
    for half in 0..<64 { block.setVectorHalf(half, OperandValues.vectorHalf(&random)) }
    for word in 0..<RegisterBlock.scratchWords { block.setScratch(word, OperandValues.vectorHalf(&random)) }
    return block
  }

  private mutating func operation(_ opcode: Opcode, _ position: Int) -> Operation {
    var word = opcode.match
    for operand in opcode.operands { word |= (value(of: operand) & ((1 << operand.width) - 1)) << operand.low }
    word = legal(opcode, word)
    return Operation(opcode: opcode, word: word, words: surrounded(opcode, word, position))
  }

  private mutating func value(of operand: Operand) -> UInt32 {
    switch operand.kind {
    case .source: UInt32(random.below(32))
    case .destination: random.element(usesFloat ? Reserved.destinations : Reserved.allDestinations)
    case .float, .vector, .flag: UInt32(random.below(1 << Int(operand.width)))
    case .immediate:
      random.below(3) == 0 ? random.element([0, 1, .max, .max >> 1]) : UInt32(truncatingIfNeeded: random.next())
    case .scratchBase: Reserved.scratchBase
    case .index: Reserved.index
    case .alignedAddress: Reserved.alignedAddress
    case .lowBound: Reserved.lowBound
    case .highBound: Reserved.highBound
    case .scratchOffset(let unit): UInt32(truncatingIfNeeded: (random.below(184) - 96) / unit)
    case .controlRegister: UInt32(random.below(4))
    }
  }

  /// Corrects operand values that the manual leaves undefined.
  private mutating func legal(_ opcode: Opcode, _ word: UInt32) -> UInt32 {
    if opcode.name.hasPrefix("bstr") {
      // The most significant bit must not lie below the least significant one.
      let width = opcode.operands[2].width
      let (high, low) = (opcode.operands[2].value(in: word), opcode.operands[3].value(in: word))
      guard high < low else { return word }
      let cleared = word & ~(((1 << width) - 1) << 16 | ((1 << width) - 1) << 10)
      return cleared | low << 16 | high << 10
    }
    if opcode.name.hasPrefix("am"), word & 31 == word >> 10 & 31 {
      // Destination and operand of an AM instruction differ.
      return word & ~31 | (word & 31 == 5 ? 6 : 5)
    }
    if opcode.name == "movgr2fcsr" { return word & ~(31 << 5) | random.element(Reserved.controlValues) << 5 }
    if opcode.name == "vldi", word >> 17 & 1 == 1, word >> 13 & 0xf > 12 {
      // Modes 13 to 15 are reserved.
      return word & ~(1 << 17)
    }
    return word
  }

  /// The instruction with what makes it testable: something to skip, the other half of ll/sc, an FCSR snapshot.
  private mutating func surrounded(_ opcode: Opcode, _ word: UInt32, _ position: Int) -> [UInt32] {
    let marker = Assembler.addi(random.element(Reserved.destinations), 0, Int32(position) + 100)
    switch opcode.name {
    case "b", "bl": return [word | 2 << 10, marker]
    case "jirl": return [Assembler.pcaddi(Reserved.index, 3), word, marker]
    case "beqz", "bnez", "bceqz", "bcnez", "beq", "bne", "blt", "bge", "bltu", "bgeu": return [word | 2 << 10, marker]
    case "ll.w", "ll.d":
      let store = (word | 0x100_0000) & ~31 | random.element(Reserved.destinations)
      return random.below(4) == 0 ? [word] : [word, store]
    default: break
    }
    guard usesFloat else { return [word] }
    return [
      word, Assembler.readControl(Reserved.firstSnapshot + UInt32(position)),
      Assembler.writeControl(Reserved.controlReset),
    ]
  }
}
