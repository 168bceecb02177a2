import Foundation
import Testing

/// The files that are shipped, read here byte by byte, and what Scripts/Loong64/check.sh says to others.
@Suite(.needsLoong64) struct ProgramFileTests {
  private static var names: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: Loong64Build.programs)) ?? []).sorted()
  }

  private func word(_ file: Data, _ offset: Int, _ size: Int) -> UInt64 {
    (0..<size).reduce(0) { $0 | UInt64(file[offset + $1]) << UInt64(8 * $1) }
  }

  @Test func everyProgramThatTheSupervisorStartsIsThere() {
    let devices = ["serial", "rtc", "power", "flash", "fwcfg", "pcie", "block", "net", "rng", "console", "vsock"]
    for name in ["supervisor", "vmm", "loader", "terminal", "kvm-check"] + devices {
      #expect(Self.names.contains("atoll-" + name), "atoll-\(name)")
    }
  }

  @Test(arguments: names) func programIsStaticPositionIndependentLP64D(name: String) throws {
    let file = try Data(contentsOf: URL(fileURLWithPath: Loong64Build.programs + "/" + name))
    try #require(file.count > 64)
    #expect(Array(file[0..<7]) == [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
    #expect(word(file, 16, 2) == 3, "ET_DYN")
    #expect(word(file, 18, 2) == 258, "EM_LOONGARCH")
    #expect(word(file, 48, 4) == 0x43, "EF_LOONGARCH_ABI_DOUBLE_FLOAT, object ABI 1")
    for index in 0..<Int(word(file, 56, 2)) {
      let header = Int(word(file, 32, 8)) + 56 * index
      #expect(word(file, header, 4) != 3, "PT_INTERP")
      // PT_LOAD: hosts have pages of 16 KiB, some of 64.
      if word(file, header, 4) == 1 { #expect(word(file, header + 48, 8) >= 0x1_0000) }
    }
    // libseccomp knows the names of all machines; a triple or a CPU of RISC-V can only be a leftover.
    for leftover in ["riscv64-none", "generic-rv64", ".riscv."] { #expect(file.range(of: Data(leftover.utf8)) == nil) }
  }

  struct Damage: Sendable {
    let offset: Int
    let bytes: [UInt8]
    let reason: String
  }

  @Test(arguments: [
    Damage(offset: 0, bytes: [0], reason: "is no little-endian 64-bit ELF file"),
    Damage(offset: 18, bytes: [243, 0], reason: "is for machine 243 instead of LoongArch (258)"),
    Damage(offset: 18, bytes: [62, 0], reason: "is for machine 62 instead of LoongArch (258)"),
    Damage(offset: 48, bytes: [0x41], reason: "has the flags 65 instead of LP64D's"),
    Damage(offset: 48, bytes: [0x03], reason: "has the flags 3 instead of LP64D's"),
    Damage(offset: 16, bytes: [2], reason: "no static-pie"),
  ]) func anotherKindOfProgram_isRefusedWithAReason(damage: Damage) throws {
    let path = NSTemporaryDirectory() + "/atoll-check-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var file = try Data(contentsOf: URL(fileURLWithPath: Loong64Build.programs + "/atoll-rtc"))
    file.replaceSubrange(damage.offset..<damage.offset + damage.bytes.count, with: damage.bytes)
    try file.write(to: URL(fileURLWithPath: path))
    let run = try Loong64Build.run(Loong64Build.scripts + "/check.sh", [path])
    #expect(run.status == 1)
    #expect(run.errors.contains(damage.reason), "\(run.errors)")
  }

  @Test func programOfThisMachine_isRefused() throws {
    let run = try Loong64Build.run(Loong64Build.scripts + "/check.sh", ["/proc/self/exe"])
    #expect(run.status == 1)
    #expect(run.errors.contains("is for machine 62 instead of LoongArch"))
  }
}
