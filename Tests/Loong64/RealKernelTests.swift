import Testing

/// The whole machine on a real LoongArch64 kernel (Debian's, with pages of 16 KiB), sandboxes and all: what the emulator of
/// single programs cannot do.
@Suite(.serialized, .enabled(if: OuterMachine.absence == nil, Comment(rawValue: OuterMachine.absence ?? "")))
struct RealKernelTests {
  /// Every kind of device, so that every kind of process is started, seals itself and serves.
  private static let machine = """
    {"kernel": "/loong64/kernel", "memory": 67108864, "commandLine": "", "hypervisor": "auto",
     "devices": [{"type": "rng"}, {"type": "block", "path": "/loong64/disk"}, {"type": "net", "mode": "user"},
                 {"type": "console"}, {"type": "vsock", "cid": 3, "path": "/tmp/vsock"}]}
    """
  private static let script = """
    chmod 1777 /tmp
    dd if=/dev/zero of=disk bs=1M count=1 2>/dev/null
    echo "host: $(uname -sm)"
    atoll-supervisor --machine machine.json --control /tmp/control </dev/null
    echo "ended: $?"
    atoll-supervisor --machine machine.json --control /tmp/control --hypervisor kvm </dev/null
    echo "with KVM: $?"
    atoll-kvm-check
    echo "check: $?"
    """

  @Test(.timeLimit(.minutes(8))) func supervisor_runsAGuestInSandboxes_andSaysWhyNotInKVM() throws {
    let console = try OuterMachine.run(
      Self.script, files: ["kernel": InterruptGuest.kernel, "machine.json": Array(Self.machine.utf8)])

    #expect(console.contains("host: Linux loongarch64"))
    #expect(console.contains("\(InterruptGuest.line)ended: 0"), "\(console)")
    #expect(console.contains("atoll: the hypervisor is soft, because there is no /dev/kvm"))
    #expect(console.contains("with KVM: 1"), "\(console)")
    #expect(!console.contains("check: 0"), "\(console)")
  }
}
