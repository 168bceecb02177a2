import Foundation
import Testing

@testable import atoll

struct PackageControlTests {
  private static let text = """
    Package: libc6
    Source: glibc
    Version: 2.43-7
    Architecture: loong64
    Multi-Arch: same
    Description: GNU C Library
     Contains the standard libraries.
     Version: not this line

    """

  @Test func fieldsAreRead() throws {
    let control = try #require(PackageControl(Self.text))
    #expect(control.name == "libc6" && control.version == "2.43-7" && control.architecture == "loong64")
    #expect(control.databaseName == "libc6:loong64")
  }

  @Test func onlyPackagesOfManyArchitecturesAreQualified() throws {
    let text = Self.text.replacing("Multi-Arch: same", with: "Multi-Arch: foreign")
    #expect(try #require(PackageControl(text)).databaseName == "libc6")
  }

  @Test(arguments: ["Package: libc6", "Version: 2.43-7", "Architecture: loong64"])
  func missingFieldIsRefused(_ line: String) {
    #expect(PackageControl(Self.text.replacing(line + "\n", with: "")) == nil)
  }

  @Test(arguments: ["../x", "a/b", "a b", "A"])
  func nameThatIsNoneIsRefused(_ name: String) {
    #expect(PackageControl(Self.text.replacing("Package: libc6", with: "Package: \(name)")) == nil)
  }

  @Test func statusSaysUnpackedAndNamesConfigurationFiles() throws {
    let status = try #require(PackageControl(Self.text)).status(conffiles: ["/etc/a", "/etc/b"])
    #expect(status.hasPrefix("Package: libc6\nStatus: install ok unpacked\nSource: glibc\n"))
    #expect(status.hasSuffix("\nConffiles:\n /etc/a newconffile\n /etc/b newconffile\n\n"))
  }

  @Test func statusWithoutConfigurationFilesHasNoFieldForThem() throws {
    #expect(try !#require(PackageControl(Self.text)).status(conffiles: []).contains("Conffiles"))
  }

  @Test func configurationFilesThatAreGoneAreLeftOut() {
    #expect(PackageControl.conffiles("/etc/a\nremove-on-upgrade /etc/b\n\n/etc/c\n") == ["/etc/a", "/etc/c"])
  }

  @Test func interestsAreSortedByKind() throws {
    var interests = TriggerInterests()
    let text = """
      # a comment
      interest-noawait /usr/lib/x
      interest /usr/share/y
      interest-await ldconfig
      interest ../../etc/x
      activate-noawait other
      """
    interests.add(text, of: try #require(PackageControl(Self.text)))
    let files = interests.files
    #expect(files.map(\.name) == ["File", "ldconfig"])
    #expect(files[0].content == "/usr/lib/x libc6:loong64/noawait\n/usr/share/y libc6:loong64\n")
    #expect(files[1].content == "libc6:loong64\n")
  }
}

struct DebianTreeTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "atoll-tree-\(UInt32.random(in: 0 ... .max))")

  /// Composes packages, each given by its name and members, and reads the archive back: path → content or kind.
  private func compose(_ packages: [(name: String, conffiles: String, members: [UInt8])]) throws -> [String: String] {
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let output = folder.appendingPathComponent("tree.tar")
    #expect(FileManager.default.createFile(atPath: output.path, contents: nil))
    var tree = DebianTree(output: try FileHandle(forWritingTo: output))
    for package in packages {
      let control = folder.appendingPathComponent(package.name)
      try FileManager.default.createDirectory(at: control, withIntermediateDirectories: true)
      let text = "Package: \(package.name)\nVersion: 1\nArchitecture: all\n"
      try Data(text.utf8).write(to: control.appendingPathComponent("control"))
      try Data(package.conffiles.utf8).write(to: control.appendingPathComponent("conffiles"))
      try tree.add(control: control, files: Data(package.members + TarWriter.end))
    }
    try tree.finish()
    return try read(Data(contentsOf: output))
  }

  private func read(_ archive: Data) throws -> [String: String] {
    var reader = TarReader(archive)
    var found: [String: String] = [:]
    while let member = try reader.next() {
      #expect(found[member.path] == nil, "\(member.path) comes once")
      if let slash = member.path.lastIndex(of: "/") {
        #expect(found[String(member.path[..<slash])] != nil, "a folder comes before what is in it")
      }
      let content = archive[member.records].dropFirst(512).prefix { $0 != 0 }
      found[member.path] = member.kind == .file ? String(decoding: content, as: UTF8.self) : "\(member.kind)"
    }
    return found
  }

  @Test func packagesShareFoldersAndLeaveWhatDpkgNeeds() throws {
    let one = TarWriter.directory("etc") + TarWriter.file("etc/one", Array("1".utf8))
    let two = TarWriter.directory("etc") + TarWriter.file("etc/two", Array("2".utf8))
    let found = try compose([("one", "/etc/one\n", one), ("two", "", two)])
    #expect(found["etc/one"] == "1" && found["etc/two"] == "2")
    #expect(found["etc/one.dpkg-new"] == "hardLink" && found["etc/two.dpkg-new"] == nil)
    #expect(found["var/lib/dpkg/info/one.list"] == "/etc\n/etc/one\n")
    #expect(found["var/lib/dpkg/info/one.conffiles"] == "/etc/one\n" && found["var/lib/dpkg/info/one.control"] == nil)
    #expect(found["var/lib/dpkg/status"]?.components(separatedBy: "install ok unpacked").count == 3)
    #expect(found["var/lib/dpkg/info/format"] == "1\n")
  }

  @Test func fileOfTwoPackagesIsRefused() {
    let member = TarWriter.file("same", [1])
    #expect(
      throws: FetchError.failed(
        "the package two", "its archive of files holds same, which another package holds as well")
    ) {
      try compose([("one", "", member), ("two", "", member)])
    }
  }
}

struct DebianFilesTests {
  @Test(arguments: [
    ("http://deb.debian.org/debian", "http://deb.debian.org/debian"),
    ("http://localhost:3142/debian", "http://10.0.2.2:3142/debian"),
    ("http://127.0.0.1/debian", "http://10.0.2.2/debian"),
    ("https://mirror/debian", "https://mirror/debian"),
    ("file:/srv/debian", "http://deb.debian.org/debian"),
  ])
  func mirrorIsNamedAsTheGuestReachesIt(_ mirror: String, _ expected: String) {
    #expect(DebianFiles.guestMirror(mirror) == expected)
  }

  @Test func staleListsAreAcceptedInTheGuestOnlyIfTheyWereBefore() throws {
    for allowed in [false, true] {
      let files = DebianFiles(mirror: "http://m", allowStale: allowed).all
      let apt = try #require(files.first { $0.path.hasPrefix("etc/apt/apt.conf.d/") })
      #expect(apt.content.contains("Check-Valid-Until") == allowed)
    }
  }

  @Test func guestStartsTheScriptThatTheImageHolds() {
    let files = DebianFiles(mirror: "http://m", allowStale: false).all
    #expect(
      files.contains { $0.path == DebianFiles.secondStage && $0.mode == 0o755 && $0.content.hasPrefix("#!/bin/sh\n") })
    #expect(SecondStage.commandLine.hasSuffix("init=/\(DebianFiles.secondStage)"))
  }
}
