import Testing

@testable import Control

struct MachineDescriptionTests {
  private func refusal(_ text: String) -> String? {
    do {
      _ = try MachineDescription.parse(Array(text.utf8))
      return nil
    } catch { return error.sentence }
  }

  @Test func kernelAloneGivesTheDefaults() throws {
    let machine = try MachineDescription.parse(Array(#"{"kernel":"/k"}"#.utf8))
    #expect(machine.kernel == "/k" && machine.name == "guest" && machine.vcpus == 1 && machine.memory == 1 << 30)
    #expect(machine.initrd == nil && machine.tables == .acpi && machine.hypervisor == .auto)
  }

  @Test func everyMemberSurvivesWritingAndReading() throws {
    var machine = MachineDescription()
    machine.name = "a-b.c_9"
    machine.vcpus = 256
    machine.memory = 96 << 20
    machine.kernel = "/tmp/\"quoted\"\\\u{1}é"
    machine.initrd = "i"
    machine.commandLine = "a\tb"
    machine.tables = .fdt
    machine.hypervisor = .soft
    machine.programs = "/p"
    let read = try MachineDescription.parse(machine.json)
    #expect(read.json == machine.json && read.kernel == machine.kernel && read.commandLine == "a\tb")
  }

  @Test(arguments: [
    (#"{"kernel":"k","memory":0}"#, "at least 64 MiB"),
    (#"{"kernel":"k","memory":1048576}"#, "at least 64 MiB"),
    (#"{"kernel":"k","memory":67108865}"#, "multiple of 1 MiB"),
    (#"{"kernel":"k","memory":9223372036853727232}"#, "at most"),
    (#"{"kernel":"k","memory":-1}"#, "\"memory\""),
    (#"{"kernel":"k","memory":1e9}"#, "whole number"),
    (#"{"kernel":"k","memory":"1G"}"#, "whole number"),
    (#"{"kernel":"k","vcpus":0}"#, "1 to 256 CPUs"),
    (#"{"kernel":"k","vcpus":257}"#, "1 to 256 CPUs"),
    (#"{"kernel":"k","vcpus":-9223372036854775808}"#, "1 to 256 CPUs"),
    (#"{"kernel":"k","vcpus":99999999999999999999}"#, "not valid JSON"),
    (#"{"kernel":7}"#, "\"kernel\""),
    (#"{"kernel":""}"#, "no kernel"),
    (#"{}"#, "no kernel"),
    (#"{"kernel":"k","kernal":"k"}"#, "no member called \"kernal\""),
    (#"{"kernel":"k","kernel":"l"}"#, "duplicate"),
    (#"{"kernel":"k","tables":"uefi"}"#, "\"acpi\" or \"fdt\""),
    (#"{"kernel":"k","tables":1}"#, "\"acpi\" or \"fdt\""),
    (#"{"kernel":"k","hypervisor":"xen"}"#, "\"kvm\""),
    (#"{"kernel":"k","name":"../x"}"#, "name"),
    (#"{"kernel":"k","name":".x"}"#, "name"),
    (#"{"kernel":"k","name":""}"#, "name"),
    (#"{"kernel":"k"} x"#, "not valid JSON"),
    (#"{"kernel":"a\u0000b"}"#, "not valid JSON"),
    ("[]", "must be a JSON object"),
    ("", "not valid JSON"),
    ("{", "not valid JSON"),
  ])
  func badDescriptionGivesOneSentence(_ text: String, _ part: String) throws {
    let sentence = try #require(refusal(text))
    #expect(sentence.contains(part))
    #expect(!sentence.contains("\n"))
  }

  @Test(arguments: [(4096, true), (4097, false)])
  func commandLineFitsUpTo4096Bytes(_ length: Int, _ fits: Bool) {
    let line = String(repeating: "x", count: length)
    #expect((refusal(#"{"kernel":"k","commandLine":"\#(line)"}"#) == nil) == fits)
  }

  @Test func wordsFromOutsideAreCutAndMadePrintable() {
    let long = String(repeating: "y", count: 500)
    #expect(printable("a\u{1b}[31m" + long).utf8.count == 80)
    #expect(printable("\u{1b}é\n") == "....")
  }
}
