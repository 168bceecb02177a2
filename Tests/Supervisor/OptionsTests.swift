import Testing

@testable import atoll_supervisor

struct OptionsTests {
  private func options(_ words: String...) -> Options? { try? Options(words.map { Array($0.utf8) }) }

  @Test func descriptorAndFlagsAreRead() throws {
    let read = try #require(options("--machine-fd", "7", "--verbose", "--control", "/c", "--insecure-no-sandbox"))
    guard case .descriptor(7) = read.source else {
      Issue.record("no descriptor")
      return
    }
    #expect(read.verbose && read.control == "/c" && !read.sandboxed && !read.sandboxLog)
  }

  @Test(arguments: [
    [], ["--machine"], ["--machine-fd", "x"], ["--machine-fd", "-1"], ["--machine-fd", "99999"],
    ["--machine", "m", "--unknown"], ["m"],
  ])
  func unusableArgumentsAreBadInput(_ words: [String]) {
    do {
      _ = try Options(words.map { Array($0.utf8) })
      Issue.record("accepted")
    } catch {
      #expect(error.status == 1 && error.sentence?.hasPrefix("usage:") == true)
    }
  }
}
