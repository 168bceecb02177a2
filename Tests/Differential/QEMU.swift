import Foundation

/// QEMU's user-mode emulator, the independent implementation.
enum QEMU {
  /// Why it gave no answer.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Where the program is looked for.
  static var program: String {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment["ATOLL_QEMU_USER"] { return path }
    let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
    return cache + "/atoll/qemu-user/usr/bin/qemu-loongarch64"
  }

  /// Runs `sequences` and returns their blocks afterwards.
  static func run(_ sequences: [Sequence]) throws -> [[UInt64]] {
    guard FileManager.default.isExecutableFile(atPath: program) else {
      throw Failure(
        description: "\(program) is missing: `make test` fetches it (atoll guest fetch --qemu-user); "
          + "or set ATOLL_QEMU_USER to a qemu-loongarch64 of version 8.1 or newer")
    }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "atoll-differential-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let executable = folder.appendingPathComponent("sequences")
    let output = folder.appendingPathComponent("blocks")
    try Data(elf(TestProgram(sequences, for: .linuxUser))).write(to: executable)
    try Data().write(to: output)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: executable.path)
    try start(executable, output)
    let blocks = try Data(contentsOf: output).withUnsafeBytes { TestProgram.blocks(in: $0) }
    guard blocks.count == sequences.count else {
      throw Failure(description: "QEMU returned \(blocks.count) of \(sequences.count) register blocks")
    }
    return blocks
  }

  private static func start(_ executable: URL, _ output: URL) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = ["-cpu", "la464", executable.path]
    process.standardOutput = try FileHandle(forWritingTo: output)
    try process.run()
    process.waitUntilExit()
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw Failure(description: "QEMU ended with \(process.terminationReason) \(process.terminationStatus)")
    }
  }

  /// A static ELF with one segment that may be read, written and executed (System V ABI, LoongArch ELF psABI).
  private static func elf(_ program: TestProgram) -> [UInt8] {
    let offset = 0x1_0000
    var file = Image(size: offset)
    file.write([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] as [UInt8], at: 0)
    file.write([2, 258] as [UInt16], at: 16)  // ET_EXEC, EM_LOONGARCH
    file.write([1] as [UInt32], at: 20)
    file.write([TestProgram.base, 64, 0] as [UInt64], at: 24)
    file.write([0x43] as [UInt32], at: 48)  // LP64D, object ABI 1
    file.write([64, 56, 1, 64, 0, 0] as [UInt16], at: 52)
    file.write([1, 7] as [UInt32], at: 64)  // PT_LOAD, RWX
    let size = UInt64(program.image.count)
    file.write([UInt64(offset), TestProgram.base, TestProgram.base, size, size, 0x1_0000] as [UInt64], at: 72)
    return file.bytes + program.image
  }
}
