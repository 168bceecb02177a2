import Testing

@testable import KVMCheckCore

struct ReportTests {
  private func sample() -> Report {
    let report = Report()
    report.begin("One")
    report.tell("what it is", "this")
    report.expect("a number", "1", seen: "1")
    report.begin("Two")
    report.skip("something else", "2", because: "not on this host")
    return report
  }

  @Test func tableHasAlignedColumnsAndAHeadingForEachPart() {
    let table = sample().table

    #expect(
      table == """
          check           expected  seen              verdict

        One
          what it is      -         this              -
          a number        1         1                 ok

        Two
          something else  2         not on this host  not here

        """)
  }

  @Test func tableIsPlainASCII() {
    let isASCII = sample().table.utf8.allSatisfy { $0 == 0x0a || 0x20...0x7e ~= $0 }

    #expect(isASCII)
  }

  @Test func statusIs1OnceSomethingDiffers() {
    let report = sample()
    #expect(report.exitStatus == 0)

    report.expect("a number", "1", seen: "2")

    #expect(report.exitStatus == 1)
    #expect(report.summary == "1 as expected, 1 different, 1 not here, 1 for the record.")
    #expect(report.table.contains("DIFFERS"))
  }

  @Test(arguments: [
    ("6.13.7", 6, 13), ("7.2.12+deb14-loong64", 7, 2), ("7.3.0-rc7", 7, 3), ("10", 10, 0), ("", 0, 0), ("abc", 0, 0),
    ("99999999999999999999.1", 10_000, 1),
  ])
  func releaseIsReadAsFarAsItIsANumber(text: String, major: Int, minor: Int) {
    let release = KernelRelease(text)

    #expect(release.major == major)
    #expect(release.minor == minor)
  }

  @Test func runningKernelHasAName() {
    #expect(KernelRelease.running.major >= 2)
  }
}
