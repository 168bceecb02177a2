import Foundation
import Testing

/// What management software (libvirt, for one) reads about our back-ends: QEMU's docs/interop/vhost-user.json.
@Suite("descriptions and capabilities of our back-ends")
struct DescriptionTests {
  @Test(
    "the description file names the program, and the program says the same of itself",
    arguments: [
      "Block", "Console", "Net", "RNG", "Vsock",
    ])
  func agree(_ device: String) throws {
    let program = "atoll-\(device.lowercased())"
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Sources/Devices/\(device)/50-\(program).json")
    let described = try DescriptionTests.object(Data(contentsOf: file))
    let said = try DescriptionTests.object(try DescriptionTests.capabilities(of: program))
    #expect(described["binary"] as? String == "/usr/libexec/\(program)")
    #expect(described["description"] is String)
    #expect(described["type"] as? String == device.lowercased() && said["type"] as? String == device.lowercased())
    #expect(described["features"] as? [String] == said["features"] as? [String])
  }

  private static func object(_ data: Data) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// Other options are ignored ("Backend program conventions").
  private static func capabilities(of program: String) throws -> Data {
    let process = Process()
    let pipe = Pipe()
    let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    process.executableURL = folder.appendingPathComponent(program)
    process.arguments = ["--nonsense", "--print-capabilities"]
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return data
  }
}
