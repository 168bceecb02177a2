/// From a sequence whose results differ to the one instruction that makes them differ.
enum Reduction {
  /// At most one report for each instruction name; of many sequences the first ones are looked at.
  static func report(_ sequences: [Sequence]) throws -> [String] {
    var lines: [String: String] = [:]
    for start in stride(from: 0, to: min(sequences.count, 2000), by: 200) {
      let chosen = Array(sequences[start..<min(start + 200, sequences.count)])
      let prefixes = chosen.flatMap(prefixes)
      let expected = try QEMU.run(prefixes)
      let outcome = try Atoll.run(prefixes)
      var at = 0
      for sequence in chosen {
        let range = at..<at + sequence.operations.count
        at = range.upperBound
        guard let index = range.first(where: { differ(expected, outcome, $0) }) else { continue }
        let operation = sequence.operations[index - range.lowerBound]
        if lines[operation.opcode.name] != nil { continue }
        let before = index == range.lowerBound ? sequence.start.words : expected[index - 1]
        lines[operation.opcode.name] = describe(operation, before, expected[index], outcome, index)
      }
    }
    return lines.keys.sorted().compactMap { lines[$0] }
  }

  /// The sequence cut off after its first instruction, after its second, and so on.
  private static func prefixes(_ sequence: Sequence) -> [Sequence] {
    (1...sequence.operations.count).map {
      Sequence(operations: Array(sequence.operations.prefix($0)), start: sequence.start)
    }
  }

  private static func differ(_ expected: [[UInt64]], _ outcome: Atoll.Outcome, _ index: Int) -> Bool {
    expected[index] != outcome.blocks[index] || outcome.faults.contains { $0.sequence == index }
  }

  private static func describe(
    _ operation: Operation, _ before: [UInt64], _ expected: [UInt64], _ outcome: Atoll.Outcome, _ index: Int
  ) -> String {
    var lines = ["\(operation.text)   (word \(hex32(operation.word)))"]
    for fault in outcome.faults where fault.sequence == index {
      lines.append("  Atoll raised exception \(fault.ecode)")
    }
    lines.append("  before: " + operands(operation, before))
    for word in expected.indices where expected[word] != outcome.blocks[index][word] {
      lines.append(
        "  \(RegisterBlock.name(ofWord: word)): QEMU \(hex64(expected[word])), Atoll \(hex64(outcome.blocks[index][word]))"
      )
    }
    return lines.joined(separator: "\n")
  }

  /// The registers that the instruction names, and FCSR.
  private static func operands(_ operation: Operation, _ block: [UInt64]) -> String {
    let values = operation.opcode.operands.compactMap { operand -> String? in
      let number = Int(operand.value(in: operation.word))
      switch operand.kind {
      case .source, .destination, .scratchBase, .index, .alignedAddress, .lowBound, .highBound:
        return number == 0 || number == 31 ? nil : "r\(number) \(hex64(block[number]))"
      case .float: return "f\(number) \(hex64(block[34 + number * 2]))"
      case .vector: return "vr\(number) \(hex64(block[35 + number * 2]))_\(hex64(block[34 + number * 2]))"
      case .flag: return "fcc\(number) \(block[32] >> UInt64(number * 8) & 0xff)"
      case .immediate, .scratchOffset, .controlRegister: return nil
      }
    }
    return (values + ["fcsr0 \(hex64(block[31]))", "r18 \(hex64(block[18]))"]).joined(separator: ", ")
  }

  private static func hex32(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }
  private static func hex64(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
