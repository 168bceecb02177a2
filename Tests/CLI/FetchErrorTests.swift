import Testing

@testable import atoll

struct FetchErrorTests {
  @Test(arguments: [
    ("E: Release file for http://m/InRelease is expired (invalid since 3d)", FetchError.expired),
    ("Err:1 Temporary failure\nE: Failed to fetch http://m  Could not resolve 'm'", .noNetwork("http://m")),
    ("E: The repository 'http://m forky Release' does not have a Release file.", .noArchive("http://m")),
    ("W: GPG error: the following signatures were invalid: BADSIG 1", .badSignature),
    ("E: The repository 'http://m forky InRelease' is not signed.", .badSignature),
    ("dpkg-deb: error: failed to write (No space left on device)", .diskFull("/c")),
    ("E: You don't have enough free space in /c/archives/.", .diskFull("/c")),
    ("N: note\nE: Something else\n", .failed("apt-get", "E: Something else")),
    ("", .failed("apt-get", "it gave no reason")),
  ])
  func outputOfAptGivesTheReason(_ output: String, _ expected: FetchError) {
    #expect(FetchError.from("apt-get", output: output, mirror: "http://m", folder: "/c") == expected)
  }
}

struct ByteCountTests {
  @Test(
    arguments: [
      ("0", 0), ("1", 1), ("4096", 4096), ("1k", 1024), ("64M", 64 << 20), ("1G", 1 << 30), ("2t", 2 << 40),
    ] as [(String, UInt64)])
  func numberWithUnitGivesBytes(_ text: String, _ bytes: UInt64) { #expect(ByteCount(argument: text)?.bytes == bytes) }

  @Test(arguments: ["", "G", "-1", "1.5G", "1GB", "0x10", "99999999999999T", "１"])
  func otherTextsAreNoByteCounts(_ text: String) { #expect(ByteCount(argument: text) == nil) }

  @Test(
    arguments: [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1536 B"), (1 << 30, "1 GiB")]
      as [(UInt64, String)])
  func bytesAreShownInTheLargestWholeUnit(_ bytes: UInt64, _ text: String) { #expect(ByteCount.text(bytes) == text) }
}

struct TableTests {
  @Test func columnsLineUp() {
    var table = Table(["NAME", "N"], alignRight: [1])
    table.add(["a", "10"])
    #expect(table.text == "NAME   N\na     10")
  }
}
