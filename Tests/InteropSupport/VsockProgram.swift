import Foundation

/// A program for the guest, whose BusyBox knows nothing of AF_VSOCK: makes a connection, then becomes the program that its
/// arguments name, with the connection as standard input and output. Status 1: no connection; 2: no such program.
///
/// Encodings: LoongArch Reference Manual Volume 1, appendix B; system calls by their numbers in asm-generic/unistd.h.
public enum VsockProgram {
  /// Who asks for the connection.
  public enum Side {
    /// Connects to `port` of the host.
    case connects
    /// Waits for one connection to `port`.
    case accepts
  }

  /// The ELF file.
  public static func file(_ side: Side, port: UInt32) -> [UInt8] {
    let code = instructions(side, addressAt: baseAddress + UInt32(headerBytes))
    let address = word(40, 2) + word(0, 2) + word(port, 4) + word(side == .connects ? hostCID : anyCID, 4) + word(0, 4)
    let body = address + code.flatMap { word($0, 4) }
    let size = headerBytes + body.count
    return elfHeader(entry: baseAddress + UInt32(headerBytes + address.count)) + programHeader(size) + body
  }

  /// Lines for the guest's shell that make the program at `path`.
  public static func commands(_ side: Side, port: UInt32, at path: String) -> String {
    "echo \(Data(file(side, port: port)).base64EncodedString()) | base64 -d >\(path); chmod 755 \(path)"
  }

  private static let baseAddress: UInt32 = 0x10000
  private static let headerBytes = 64 + 56
  private static let hostCID: UInt32 = 2
  private static let anyCID: UInt32 = 0xffff_ffff

  // MARK: code

  private enum Register: UInt32 { case zero = 0, sp = 3, a0 = 4, a1 = 5, a2 = 6, a7 = 11, s0 = 23 }
  private enum Call: Int32 {
    case dup3 = 24, exit = 93, socket = 198, bind = 200, listen = 201, accept = 202, connect = 203, execve = 221
  }

  private static func instructions(_ side: Side, addressAt: UInt32) -> [UInt32] {
    var code = call(.socket, 40, 1, 0) + [move(.s0, .a0)]
    // lu12i.w and ori: the address of struct sockaddr_vm.
    let target = [0x1400_0000 | (addressAt >> 12) << 5 | 5, 0x0380_0000 | (addressAt & 0xfff) << 10 | 5 << 5 | 5]
    code += [move(.a0, .s0)] + target + [add(.a2, .zero, 16)]
    code += call(side == .connects ? .connect : .bind) + leaveIfNegative
    if side == .accepts {
      code += [move(.a0, .s0), add(.a1, .zero, 1)] + call(.listen)
      code += [move(.a0, .s0), move(.a1, .zero), move(.a2, .zero)] + call(.accept) + leaveIfNegative + [move(.s0, .a0)]
    }
    for standard: Int32 in [0, 1] {
      code += [move(.a0, .s0), add(.a1, .zero, standard), move(.a2, .zero)] + call(.dup3)
    }
    // argv[1], &argv[1] and no environment; argc is at the stack's top (psABI).
    code += [load(.a0, .sp, 16), add(.a1, .sp, 16), move(.a2, .zero)] + call(.execve)
    return code + call(.exit, 2)
  }

  /// bge a0, zero over two calls' worth of instructions, exit(1).
  private static var leaveIfNegative: [UInt32] {
    let leave = call(.exit, 1)
    return [0x6400_0000 | UInt32(leave.count + 1) << 10 | Register.a0.rawValue << 5] + leave
  }

  private static func call(_ number: Call, _ arguments: Int32...) -> [UInt32] {
    zip([Register.a0, .a1, .a2], arguments).map { add($0, .zero, $1) } + [
      add(.a7, .zero, number.rawValue), 0x002b_0000,
    ]
  }
  /// addi.d
  private static func add(_ d: Register, _ j: Register, _ value: Int32) -> UInt32 {
    0x02c0_0000 | (UInt32(bitPattern: value) & 0xfff) << 10 | j.rawValue << 5 | d.rawValue
  }
  private static func move(_ d: Register, _ j: Register) -> UInt32 { add(d, j, 0) }
  /// ld.d
  private static func load(_ d: Register, _ j: Register, _ offset: UInt32) -> UInt32 {
    0x28c0_0000 | offset << 10 | j.rawValue << 5 | d.rawValue
  }

  // MARK: ELF

  private static func elfHeader(entry: UInt32) -> [UInt8] {
    // 64 bits, little-endian; executable for LoongArch, double-float ABI; one program header behind this one.
    [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9) + word(2, 2) + word(258, 2) + word(1, 4)
      + word(entry, 8) + word(64, 8) + word(0, 8) + word(0x43, 4) + word(64, 2) + word(56, 2) + word(1, 2)
      + word(64, 2) + word(0, 2) + word(0, 2)
  }

  private static func programHeader(_ size: Int) -> [UInt8] {
    word(1, 4) + word(5, 4) + word(0, 8) + word(baseAddress, 8) + word(baseAddress, 8) + word(UInt32(size), 8)
      + word(UInt32(size), 8) + word(0x10000, 8)
  }

  private static func word(_ value: UInt32, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: UInt64(value) >> (8 * UInt64($0))) }
  }
}
