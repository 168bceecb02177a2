import Testing

/// The whole machine on a real LoongArch64 kernel (Debian's, with pages of 16 KiB), sandboxes and all: what the emulator of
/// single programs cannot do.
@Suite(.serialized, .enabled(if: OuterMachine.absence == nil, Comment(rawValue: OuterMachine.absence ?? "")))
struct RealKernelTests {
  /// Every kind of device, so that every kind of process is started, seals itself and serves; and more vCPUs than malloc has
  /// arenas for threads before it looks for the number of CPUs in a file, which the sandbox forbids.
  private static func machine(_ kernel: String) -> [UInt8] {
    Array(
      """
      {"kernel": "/loong64/\(kernel)", "memory": 67108864, "vcpus": 12, "commandLine": "", "hypervisor": "auto",
       "devices": [{"type": "rng"}, {"type": "block", "path": "/loong64/disk"}, {"type": "net", "mode": "user"},
                   {"type": "console"}, {"type": "vsock", "cid": 3, "path": "/tmp/vsock"}]}
      """.utf8)
  }
  private static let preparation = """
    chmod 1777 /tmp
    dd if=/dev/zero of=disk bs=1M count=1 2>/dev/null
    echo "host: $(uname -sm)"

    """

  @Test(.timeLimit(.minutes(8))) func supervisor_runsAGuestToItsEnd_andSaysWhyNotInKVM() throws {
    let console = try OuterMachine.run(
      Self.preparation + """
        atoll-supervisor --machine machine.json --control /tmp/control </dev/null
        echo "ended: $?"
        atoll-supervisor --machine machine.json --control /tmp/control --hypervisor kvm </dev/null
        echo "with KVM: $?"
        atoll-kvm-check
        echo "check: $?"
        """, files: ["kernel": InterruptGuest.kernel, "machine.json": Self.machine("kernel")])

    #expect(console.contains("host: Linux loongarch64"))
    #expect(console.contains("\(InterruptGuest.line)ended: 0"), "\(console)")
    #expect(console.contains("atoll: the hypervisor is soft, because there is no /dev/kvm"))
    #expect(console.contains("with KVM: 1"), "\(console)")
    #expect(console.contains("atoll-kvm-check: there is no /dev/kvm"), "\(console)")
  }

  /// What /proc says of the processes while the guest runs; then one of them is killed, and its successor looked at.
  @Test(.timeLimit(.minutes(8))) func everyProcessIsConfined_andAKilledOneComesBackConfined() throws {
    let console = try OuterMachine.run(
      Self.preparation + """
        show() {
          for folder in /proc/[0-9]*; do
            read -r name < $folder/comm || continue
            case $name in atoll-supervis*) continue ;; atoll-*) ;; *) continue ;; esac
            set -- $(grep -E '^(NoNewPrivs|Seccomp|CapEff|Uid):' $folder/status | cut -f 2)
            echo "$name: user $1, capabilities $2, no_new_privs $3, seccomp $4"
          done
        }
        mkfifo /tmp/console
        atoll-supervisor --machine machine.json --control /tmp/control </dev/null >/tmp/console 2>&1 &
        exec 3</tmp/console
        until echo "$line" | grep -q 'first interrupt'; do read -r line <&3; done
        show
        killed=$(pidof atoll-rtc)
        kill -9 $killed
        atoll-supervisor --control /tmp/control --request restart=serial >/dev/null
        until [ -n "$(pidof atoll-rtc)" ] && [ "$(pidof atoll-rtc)" != "$killed" ]; do :; done
        echo "after the restarts:"
        show
        atoll-supervisor --control /tmp/control --request status
        kill -TERM $!
        wait $!
        echo "ended: $?"
        """, files: ["kernel": InterruptGuest.sleeper, "machine.json": Self.machine("kernel")])

    let halves = console.split(separator: "after the restarts:\n", maxSplits: 1).map { $0.split(separator: "\n") }
    try #require(halves.count == 2, "\(console)")
    let devices = ["serial", "rtc", "power", "pcie", "rng", "block", "net", "console", "vsock"]
    for name in ["vmm", "terminal"] + devices {
      let line = "atoll-\(name): user 65534, capabilities 0000000000000000, no_new_privs 1, seccomp 2"
      #expect(halves[0].contains { $0 == line }, "\(name) before: \(halves[0])")
      #expect(halves[1].contains { $0 == line }, "\(name) after: \(halves[1])")
    }
    let status = try #require(halves[1].first { $0.hasPrefix("{") })
    #expect(status.matches(of: /"name":"(serial|rtc)"[^}]*"restarts":1/).count == 2, "\(status)")
    #expect(console.contains("ended: 143"), "\(console)")
  }
}
