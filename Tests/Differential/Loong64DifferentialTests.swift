import Foundation
import ProcessSupport
import System
import Testing

/// The software CPU compiled for loong64, whose floating point is the host's own, against the emulator that it runs in.
enum Loong64CPU {
  private static let program =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path + "/.build-loong64/release/atoll-selftest"

  /// Why it cannot run; nil if it can.
  static let absence: String? = {
    if !FileManager.default.isExecutableFile(atPath: program) {
      return "the loong64 programs are not built: `make test-loong64` builds them"
    }
    return FileManager.default.isExecutableFile(atPath: QEMU.program) ? nil : "\(QEMU.program) is missing"
  }()

  /// Runs `sequences` and returns their blocks afterwards; nil if the guest did not come to its end.
  static func run(_ sequences: [Sequence]) throws -> [[UInt64]]? {
    let image = TestProgram(sequences, for: .bareMetal)
    let size = (image.image.count + 0x3fff) & ~0x3fff
    let file = try MemoryFile.create("guest", size: size)
    let memory = try Mapping.shared(file, size: size)
    memory.base.copyMemory(from: image.image, byteCount: image.image.count)
    let child = try Child(
      path: QEMU.program, arguments: ["-cpu", "la464", program, "--cpu"], descriptors: [-1, -1, 2, file.raw])
    guard child.wait() == .status(0) else { return nil }
    return TestProgram.blocks(
      in: UnsafeRawBufferPointer(start: memory.base + image.blocksOffset, count: image.count * RegisterBlock.size))
  }
}

@Suite(.serialized, .enabled(if: Loong64CPU.absence == nil, Comment(rawValue: Loong64CPU.absence ?? "")))
struct Loong64DifferentialTests {
  @Test(.timeLimit(.minutes(3)), arguments: Family.allCases)
  func generatedSequences_leaveTheSameRegistersAsTheEmulator(family: Family) throws {
    var generator = SequenceGenerator(seed: 20_261_124, usesFloat: family.usesFloat)
    let sequences = generator.sequences(of: family.opcodes, times: 60)
    let expected = try QEMU.run(sequences)
    let blocks = try #require(try Loong64CPU.run(sequences))
    let differing = sequences.indices.filter { expected[$0] != blocks[$0] }
    for index in differing.prefix(5) {
      let words = expected[index].indices.filter { expected[index][$0] != blocks[index][$0] }
      Issue.record(
        "\(sequences[index].operations.map(\.text)): \(words.map { RegisterBlock.name(ofWord: $0) }) of sequence \(index)"
      )
    }
    #expect(differing.isEmpty, "\(differing.count) of \(sequences.count) sequences differ")
  }
}
