import Testing

/// The whole machine on a real LoongArch64 kernel (Debian's, with pages of 16 KiB), sandboxes and all: what the emulator of
/// single programs cannot do.
@Suite(.serialized, .enabled(if: OuterMachine.absence == nil, Comment(rawValue: OuterMachine.absence ?? "")))
struct RealKernelTests {
  @Test(.timeLimit(.minutes(5))) func supervisor_runsAGuestInSandboxes() throws {
    let machine = """
      {"kernel": "/loong64/kernel", "memory": 67108864, "commandLine": "", "hypervisor": "auto",
       "devices": [{"type": "rng"}]}
      """
    let console = try OuterMachine.run(
      """
      echo "host: $(uname -srm)"
      atoll-supervisor --machine machine.json --control /tmp/control --verbose </dev/null
      echo "ended: $?"
      """, files: ["kernel": InterruptGuest.kernel, "machine.json": Array(machine.utf8)])

    #expect(console.contains("host: Linux"))
    #expect(console.contains("loongarch64"))
    #expect(console.contains(InterruptGuest.line))
    #expect(console.contains("ended: 0"))
  }
}
