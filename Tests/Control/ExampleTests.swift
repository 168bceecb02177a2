import Foundation
import Testing

@testable import Control

/// The documents in Examples, which people copy.
struct ExampleTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Examples")
  private static let names = ["debian.json", "firmware.json", "initramfs.json"]

  private func read(_ name: String) throws -> MachineDescription {
    let text = try Data(contentsOf: ExampleTests.folder.appendingPathComponent(name))
    return try MachineDescription.parse([UInt8](text))
  }

  @Test func theseAreAll() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: ExampleTests.folder.path)
    #expect(files.filter { $0.hasSuffix(".json") }.sorted() == ExampleTests.names)
  }

  /// What is written differs from what was read by the members that have their default.
  @Test(arguments: ExampleTests.names) func exampleIsAMachine(_ name: String) throws {
    let machine = try read(name)
    #expect(machine.hypervisor == .auto && machine.programs == nil)
    #expect(try MachineDescription.parse(machine.json).json == machine.json)
  }

  @Test func exampleOfFirmwareHasNoKernelAndTheOthersDo() throws {
    for name in ExampleTests.names {
      let machine = try read(name)
      #expect(machine.kernel.isEmpty == (machine.firmware != nil))
    }
  }

  @Test func exampleOfDebianHasADiskANetworkAndEntropy() throws {
    #expect(try read("debian.json").deviceNames == ["block0", "net0", "rng0"])
  }
}
