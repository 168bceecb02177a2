import Testing

@testable import Control

/// A machine with `devices` as its list of devices.
private func machine(_ devices: String) throws(MachineDescriptionError) -> MachineDescription {
  try MachineDescription.parse(Array(#"{"kernel":"k","devices":\#(devices)}"#.utf8))
}

private func sentence(_ devices: String) -> String {
  do {
    _ = try machine(devices)
    return ""
  } catch { return error.sentence }
}

struct DeviceDescriptionTests {
  @Test(arguments: [
    (#"[{"type":"block","path":"/d"}]"#, "block0", UInt32(2)),
    (#"[{"type":"block","path":"d","readOnly":true,"queues":16,"cache":"direct","packed":true}]"#, "block0", 2),
    (#"[{"type":"net","mode":"user","forward":["tcp:2222:22","udp:1:65535"]}]"#, "net0", 1),
    (#"[{"type":"net","mode":"tap","tap":"tap0","mac":"52:54:00:AB:cd:01","queuePairs":8}]"#, "net0", 1),
    (#"[{"type":"rng"}]"#, "rng0", 4),
    (#"[{"type":"console","terminal":true}]"#, "console0", 3),
    (#"[{"type":"vsock","cid":4294967294,"path":"a/b"}]"#, "vsock0", 19),
    (#"[{"type":"vhost-user","device":"fs","socket":"/s"}]"#, "fs0", 26),
    (#"[{"type":"vhost-user","device":"gpio","socket":"/s","queues":2,"config":"00ff","packed":true}]"#, "gpio0", 41),
    (
      #"[{"type":"vhost-user","device":"fs","program":"/p","arguments":["--fd={fd}"],"connection":"connected","root":"/r","#
        + #""binds":[{"path":"x","at":"/y","writable":true}],"hostNetwork":true,"confinesItself":true}]"#, "fs0", 26
    ),
  ]) func deviceComesBackAsItWasWritten(_ text: String, _ name: String, _ id: UInt32) throws {
    let first = try machine(text)
    let again = try MachineDescription.parse(first.json)
    #expect(again.json == first.json)
    #expect(first.deviceNames == [name] && first.devices[0].deviceID == id)
    #expect(String(decoding: first.json, as: UTF8.self).contains(#""packed":true"#) == text.contains("packed"))
  }

  @Test func namesCountEachKindByItself() throws {
    let all = try machine(
      #"[{"type":"rng"},{"type":"block","path":"a"},{"type":"vhost-user","device":"block","socket":"s"},{"type":"rng"}]"#
    )
    #expect(all.deviceNames == ["rng0", "block0", "block1", "rng1"])
  }

  @Test(arguments: [
    (#"[{"type":"block"}]"#, "path"), (#"[{"type":"block","path":""}]"#, "path"),
    (#"[{"type":"block","path":"a","queues":0}]"#, "queues"), (#"[{"type":"block","path":"a","queues":17}]"#, "queues"),
    (#"[{"type":"block","path":"a","cache":"none"}]"#, "none"), (#"[{"type":"block","path":"a","size":1}]"#, "size"),
    (#"[{"type":"block","path":"a","readOnly":1}]"#, "readOnly"), (#"[{"type":"rng","packed":"yes"}]"#, "packed"),
    (#"[{"type":"net"}]"#, "mode"), (#"[{"type":"net","mode":"user","tap":"t"}]"#, "tap"),
    (#"[{"type":"net","mode":"user","queuePairs":2}]"#, "one pair"),
    (#"[{"type":"net","mode":"tap","tap":"a-name-of-16-byt"}]"#, "tap"),
    (#"[{"type":"net","mode":"tap","tap":"a/b"}]"#, "tap"),
    (#"[{"type":"net","mode":"user","mac":"52:54:00:12:34"}]"#, "mac"),
    (#"[{"type":"net","mode":"user","mac":"53:54:00:12:34:56"}]"#, "mac"),
    (#"[{"type":"net","mode":"user","forward":["tcp:0:22"]}]"#, "forward"),
    (#"[{"type":"net","mode":"user","forward":["sctp:1:22"]}]"#, "forward"),
    (#"[{"type":"net","mode":"tap","forward":["tcp:1:22"]}]"#, "forward"),
    (#"[{"type":"vsock","cid":2,"path":"p"}]"#, "cid"), (#"[{"type":"vsock","path":"p"}]"#, "cid"),
    (#"[{"type":"vhost-user","device":"fs"}]"#, "program"),
    (#"[{"type":"vhost-user","device":"fs","socket":"s","program":"/p"}]"#, "program"),
    (#"[{"type":"vhost-user","device":"disk","socket":"s"}]"#, "disk"),
    (#"[{"type":"vhost-user","device":"fs","program":"p"}]"#, "absolute"),
    (#"[{"type":"vhost-user","device":"fs","program":"/a/../p"}]"#, "absolute"),
    (#"[{"type":"vhost-user","device":"fs","program":"/p","binds":[{"path":"a","at":"b"}]}]"#, "absolute"),
    (#"[{"type":"vhost-user","device":"fs","program":"/p","binds":[{"at":"/b"}]}]"#, "path"),
    (#"[{"type":"vhost-user","device":"fs","program":"/p","binds":{}}]"#, "binds"),
    (#"[{"type":"vhost-user","device":"fs","socket":"s","config":"0"}]"#, "config"),
    (#"[{"type":"vhost-user","device":"fs","socket":"s","queues":33}]"#, "queues"),
    (#"[{"type":"disk"}]"#, "disk"), (#"[{}]"#, "type"), (#"[1]"#, "object"), (#"{}"#, "list"),
    (#"[{"type":"console","terminal":true},{"type":"console","terminal":true}]"#, "one console"),
  ]) func wrongDeviceIsRefusedWithItsReason(_ text: String, _ word: String) {
    let sentence = sentence(text)
    #expect(sentence.contains(word), "\(sentence)")
  }

  @Test func sixteenDevicesAreTheMost() throws {
    func list(_ count: Int) -> String {
      "[" + Array(repeating: #"{"type":"rng"}"#, count: count).joined(separator: ",") + "]"
    }
    #expect(try machine(list(16)).devices.count == 16)
    #expect(sentence(list(17)).contains("16"))
  }

  @Test(arguments: [
    (#"{"code":"c"}"#, true), (#"{"code":"c","variables":"v"}"#, true), (#"{"variables":"v"}"#, false),
    (#""c""#, false),
    (#"{"code":"c","rom":"x"}"#, false), (#"{"code":1}"#, false), (#"{"code":"c","variables":2}"#, false),
  ]) func firmwareNeedsCodeAndNoKernel(_ text: String, _ isGood: Bool) throws {
    let machine = try? MachineDescription.parse(Array(#"{"firmware":\#(text)}"#.utf8))
    #expect((machine != nil) == isGood)
    guard let machine else { return }
    let again = try MachineDescription.parse(machine.json)
    #expect(again.firmware?.code == "c" && again.firmware?.variables == machine.firmware?.variables)
  }
}
