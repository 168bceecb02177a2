import Testing

@testable import Control

struct ControlRequestTests {
  private func parse(_ text: String) -> Result<ControlRequest, ControlError> {
    do { return .success(try ControlRequest.parse(Array(text.utf8))) } catch { return .failure(error) }
  }

  @Test(arguments: [
    ControlRequest.status, .map, .pause, .resume, .powerButton, .shutdown, .restart(name: "serial"),
    .restart(name: "\"\\\n"), .logs(name: nil, follow: false), .logs(name: "rtc", follow: true),
  ])
  func requestSurvivesWritingAndReading(_ request: ControlRequest) throws {
    let line = request.json
    #expect(line.last == 0x0a && !line.dropLast().contains(0x0a))
    #expect(try ControlRequest.parse(Array(line.dropLast())) == request)
  }

  @Test(arguments: [
    ("", "not valid JSON"), ("{", "not valid JSON"), ("null", "not valid JSON"), ("[]", "\"request\""),
    (#"{"request":1}"#, "\"request\""), (#"{"request":"reboot"}"#, "no request \"reboot\""),
    (#"{"request":"restart"}"#, "name"), (#"{"request":"restart","name":3}"#, "name"),
    (#"{"request":"pause","name":"x"}"#, "no member called \"name\""),
    (#"{"request":"logs","follow":"yes"}"#, "\"follow\""),
    (#"{"request":"logs","name":null}"#, "name"),
    (#"{"request":"status"}{"request":"status"}"#, "not valid JSON"),
    (#"{"request":"\u001b[2J"}"#, "no request \".[2J\""),
  ])
  func badRequestGivesOneSentence(_ text: String, _ part: String) throws {
    guard case .failure(let error) = parse(text) else {
      Issue.record("accepted")
      return
    }
    #expect(error.sentence.contains(part))
    #expect(error.sentence.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
  }

  @Test func lineOverTheLimitIsRefusedBeforeItIsParsed() {
    guard case .failure(.longLine) = parse(String(repeating: " ", count: ControlLimits.line + 1)) else {
      Issue.record("accepted")
      return
    }
  }

  @Test func deepNestingIsAnErrorAndNotADeadProcess() {
    guard case .failure(.notJSON) = parse(String(repeating: "[", count: 4096)) else {
      Issue.record("accepted")
      return
    }
  }

  @Test func arbitraryBytesAreRefused() {
    var state: UInt64 = 42
    for _ in 0..<2000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1
      let bytes = (0..<Int(state >> 58)).map { UInt8(truncatingIfNeeded: state >> UInt64($0 % 56)) }
      #expect(throws: ControlError.self) { try ControlRequest.parse(bytes) }
    }
  }
}
