import SelfTestCore
import Testing

/// The runtime-free modules, compiled for loong64, do with fixed inputs what they do here.
@Suite(.needsLoong64) struct SelfTestTests {
  @Test(.timeLimit(.minutes(3))) func transcriptIsTheSameAsOnThisMachine() throws {
    let expected = Transcript()
    let run = try Loong64Build.run(
      Loong64Build.emulator, Loong64Build.command(Loong64Build.unstripped + "/atoll-selftest", []))
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.output.split(separator: "\n")
    #expect(lines.count == expected.lines.count)
    for (line, own) in zip(lines, expected.text.split(separator: "\n")) { #expect(line == own) }
  }
}
