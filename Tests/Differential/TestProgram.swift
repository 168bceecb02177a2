import Foundation

/// The flat program that runs in QEMU and in Atoll: for each sequence it loads all registers from the sequence's block,
/// runs it, and stores all registers back into the block. Only its first and last instructions depend on where it runs.
struct TestProgram {
  /// Whom the program starts and ends for.
  enum Host {
    /// Linux system calls: write(1, blocks), exit.
    case linuxUser
    /// A machine without an operating system: switches the FPU and vectors on, ends with a store to a device address.
    case bareMetal
  }

  /// Where the program lies, in QEMU's user mode and in guest physical memory alike.
  static let base: UInt64 = 0x400_0000
  /// Nobody serves these: a store here leaves the virtual machine.
  static let endAddress: UInt64 = 0x1fd0_0000
  static let faultAddress: UInt64 = endAddress + 8

  private static let loopStart = 0x100
  /// EENTRY names a 4 KiB page.
  private static let faultHandler = 0x1000
  private static let codeStart = 0x1100

  let image: [UInt8]
  /// Offset of the first block, and the address of each sequence's code.
  let blocksOffset: Int
  let codeAddresses: [UInt64]
  let count: Int

  init(_ sequences: [Sequence], for host: Host) {
    let lengths = sequences.map { ($0.operations.reduce(0) { $0 + $1.words.count } + 2) * 4 }
    let codeEnd = Self.codeStart + lengths.reduce(0, +)
    let blocks = (codeEnd + 0xffff) & ~0xffff
    var addresses: [UInt64] = []
    var image = Image(size: blocks + sequences.count * RegisterBlock.size)
    var at = Self.codeStart
    let saver = Self.writeLoop(&image, blocks, sequences.count, host)
    for (index, sequence) in sequences.enumerated() {
      addresses.append(Self.base + UInt64(at))
      let block = blocks + index * RegisterBlock.size
      image.write(sequence.start.placed(at: Self.base + UInt64(block), code: addresses[index]).words, at: block)
      let body =
        [Assembler.loadDouble(Reserved.scratchBase, Reserved.block, Int32(Reserved.scratchBase) * 8)]
        + sequence.operations.flatMap(\.words)
      image.write(body, at: at)
      at += body.count * 4
      image.write([Assembler.branch(saver - at)], at: at)
      at += 4
    }
    self.image = image.bytes
    blocksOffset = blocks
    codeAddresses = addresses
    count = sequences.count
  }

  /// Writes prologue, loop and end; returns the offset of the part that stores the registers.
  private static func writeLoop(_ image: inout Image, _ blocks: Int, _ count: Int, _ host: Host) -> Int {
    let first = base + UInt64(blocks)
    let end = first + UInt64(count * RegisterBlock.size)
    image.write(prologue(host) + Assembler.constant(Reserved.block, first), at: 0)
    let prologueWords = prologue(host).count + 2
    image.write([Assembler.branch(loopStart - prologueWords * 4)], at: prologueWords * 4)
    if host == .bareMetal { image.write(handler, at: faultHandler) }
    image.write(loader, at: loopStart)
    let saver = loopStart + loader.count * 4
    var tail = self.saver + [Assembler.addi(Reserved.block, Reserved.block, Int32(RegisterBlock.size))]
    tail += Assembler.constant(1, end)
    tail.append(Assembler.branchUnequal(Reserved.block, 1, loopStart - (saver + tail.count * 4)))
    image.write(tail + ending(host, first, end), at: saver)
    return saver
  }

  /// EUEN: floating point and LSX; EENTRY: the fault handler.
  private static func prologue(_ host: Host) -> [UInt32] {
    guard host == .bareMetal else { return [] }
    return [Assembler.addi(1, 0, 3), Assembler.writeCSR(1, 2)] + Assembler.constant(1, base + UInt64(faultHandler))
      + [Assembler.writeCSR(1, 0xc)]
  }

  /// An exception in a sequence: tells the host, which looks where it was and lets the next instruction go on.
  private static let handler = Assembler.constant(31, faultAddress) + [Assembler.storeDouble(0, 31, 0)]

  private static let loader: [UInt32] =
    [Assembler.loadWord(1, Reserved.block, RegisterBlock.fcsrOffset), Assembler.writeControl(1)]
    + (0..<8).flatMap {
      [Assembler.loadByte(1, Reserved.block, RegisterBlock.flagsOffset + $0), Assembler.writeFlag(UInt32($0), 1)]
    }
    + (0..<32).map { Assembler.loadVector($0, Reserved.block, RegisterBlock.vectorOffset + Int32($0) * 16) }
    + (1..<30).map { Assembler.loadDouble($0, Reserved.block, Int32($0) * 8) }
    // r30 comes back in the sequence's own first instruction: it leads there.
    + [Assembler.loadDouble(Reserved.scratchBase, Reserved.block, 0), Assembler.jump(Reserved.scratchBase)]

  private static let saver: [UInt32] =
    (1..<31).map { Assembler.storeDouble($0, Reserved.block, Int32($0) * 8) }
    + (0..<32).map { Assembler.storeVector($0, Reserved.block, RegisterBlock.vectorOffset + Int32($0) * 16) }
    + [Assembler.readControl(1), Assembler.storeDouble(1, Reserved.block, RegisterBlock.fcsrOffset)]
    + (0..<8).flatMap {
      [Assembler.readFlag(1, UInt32($0)), Assembler.storeByte(1, Reserved.block, RegisterBlock.flagsOffset + $0)]
    }

  private static func ending(_ host: Host, _ first: UInt64, _ end: UInt64) -> [UInt32] {
    switch host {
    case .bareMetal: Assembler.constant(1, endAddress) + [Assembler.storeDouble(0, 1, 0)]
    case .linuxUser:
      // write(1, first, end - first); exit_group(0).
      [Assembler.addi(4, 0, 1)] + Assembler.constant(5, first) + Assembler.constant(6, end - first)
        + [Assembler.addi(11, 0, 64), Assembler.systemCall]
        + [Assembler.addi(4, 0, 0), Assembler.addi(11, 0, 94), Assembler.systemCall]
    }
  }

  /// The blocks out of `bytes`, which are all of them, one after the other.
  static func blocks(in bytes: UnsafeRawBufferPointer) -> [[UInt64]] {
    (0..<bytes.count / RegisterBlock.size).map { index in
      (0..<RegisterBlock.size / 8).map {
        bytes.loadUnaligned(fromByteOffset: index * RegisterBlock.size + $0 * 8, as: UInt64.self)
      }
    }
  }
}

/// Bytes with little-endian words put into them.
struct Image {
  private(set) var bytes: [UInt8]

  init(size: Int) { bytes = Array(repeating: 0, count: size) }

  mutating func write<T: FixedWidthInteger>(_ values: [T], at offset: Int) {
    bytes.withUnsafeMutableBytes { bytes in
      for (index, value) in values.enumerated() {
        bytes.storeBytes(of: value.littleEndian, toByteOffset: offset + index * MemoryLayout<T>.size, as: T.self)
      }
    }
  }
}
