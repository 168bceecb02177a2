import Foundation
import Testing

/// The program as it was built.
struct ProgramTests {
  private func run(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
    let tests = URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    let process = Process()
    process.executableURL = tests.deletingLastPathComponent().appending(path: "atoll-kvm-check")
    process.arguments = arguments
    let (output, errors) = (Pipe(), Pipe())
    (process.standardOutput, process.standardError) = (output, errors)
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let complaint = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: text, as: UTF8.self), String(decoding: complaint, as: UTF8.self)
    )
  }

  #if !arch(loongarch64)
    @Test func hostThatIsNotLoongArchGetsOneSentenceAndStatus2() throws {
      let (status, output, errors) = try run([])

      #expect(status == 2)
      #expect(output.isEmpty)
      #expect(errors.hasPrefix("atoll-kvm-check: this host's CPUs are not LoongArch's"))
      #expect(errors.filter { $0 == "\n" }.count == 1)
    }
  #endif

  @Test func helpSaysWhatItDoesWithStatus0() throws {
    let (status, output, _) = try run(["--help"])

    #expect(status == 0)
    #expect(output.hasPrefix("Usage: atoll-kvm-check\n"))
  }

  @Test func argumentThatItDoesNotKnowEndsItWithStatus2() throws {
    let (status, _, errors) = try run(["--json"])

    #expect(status == 2)
    #expect(errors.contains("--json"))
  }
}
