import Control
import Testing

@testable import atoll_supervisor

struct InvocationTests {
  private func read(_ words: [String]) throws(Ending) -> Invocation { try Invocation(words.map { Array($0.utf8) }) }

  private func refusal(_ words: [String]) -> Ending? {
    do {
      _ = try read(words)
      return nil
    } catch { return error }
  }

  @Test(arguments: [["--help"], ["--machine", "m", "--help"], ["--request", "status", "--help"]])
  func helpGoesBeforeEverythingElse(_ words: [String]) throws {
    guard case .help = try read(words) else {
      Issue.record("no help")
      return
    }
  }

  @Test func manualNamesEveryOptionAndRequest() {
    let words = [
      "--machine", "--machine-fd", "--name", "--hypervisor", "--control", "--verbose", "--sandbox-log",
      "--insecure-no-sandbox", "--request", "--help", "status", "map", "logs", "restart=", "pause", "resume",
      "powerButton", "shutdown",
    ]
    for word in words { #expect(Invocation.manual.contains(word), "\(word)") }
  }

  @Test(arguments: [
    ("status", ControlRequest.status), ("map", .map), ("pause", .pause), ("resume", .resume),
    ("powerButton", .powerButton), ("shutdown", .shutdown), ("logs", .logs(name: nil, follow: false)),
    ("logs=vmm", .logs(name: "vmm", follow: false)), ("restart=serial", .restart(name: "serial")),
    ("restart=a=b", .restart(name: "a=b")),
  ])
  func requestIsAWordPerhapsWithAProcess(_ text: String, _ request: ControlRequest) throws {
    guard case .request(request, .name("guest")) = try read(["--request", text]) else {
      Issue.record("another request")
      return
    }
  }

  @Test func machineIsNamedOrItsSocketIs() throws {
    guard case .request(.map, .name("b")) = try read(["--name", "b", "--request", "map"]),
      case .request(.map, .path("/s")) = try read(["--request", "map", "--control", "/s"])
    else {
      Issue.record("another machine")
      return
    }
  }

  @Test(arguments: [
    ["--request"], ["--request", "map", "--name"], ["--request", "map", "x"], ["--request", "map", "--request", "map"],
  ])
  func halfARequestIsMisuse(_ words: [String]) {
    #expect(refusal(words)?.status == 1 && refusal(words)?.sentence?.hasPrefix("usage:") == true)
  }

  @Test(arguments: ["", "restart", "logs2", "status=x", "STATUS"]) func unknownRequestIsOneSentence(_ word: String) {
    let sentence = refusal(["--request", word])?.sentence
    #expect(sentence == "there is no request \"\(word)\"; --help lists them")
  }

  @Test func nameThatLeavesTheFolderIsRefused() {
    #expect(refusal(["--request", "map", "--name", "../x"])?.sentence?.contains("name") == true)
  }
}
