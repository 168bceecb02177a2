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

  @Test func nameAndHypervisorAreRead() throws {
    let read = try #require(options("--machine", "m", "--name", "n", "--hypervisor", "kvm"))
    #expect(read.source.path == "m" && read.name == "n" && read.hypervisor == .kvm)
    #expect(try #require(options("--machine", "m")).hypervisor == nil)
  }

  @Test(arguments: [
    [], ["--machine"], ["--machine-fd", "x"], ["--machine-fd", "-1"], ["--machine-fd", "99999"], ["--machine-fd", "2"],
    ["--machine", "m", "--hypervisor", "xen"], ["--machine", "m", "--hypervisor"], ["--machine", "m", "--name"],
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
