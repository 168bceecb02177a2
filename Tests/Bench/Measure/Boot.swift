import Foundation

/// Kernel entry to the shell's first prompt, both machines in turn.
enum Boot {
  private struct Times {
    var entry: [Double] = []
    var launch: [Double] = []
    var firstByte: [Double] = []

    mutating func add(_ machine: Machine) {
      entry.append(Double(machine.promptAt - machine.enteredAt) / 1e9)
      launch.append(Double(machine.promptAt - machine.session.startedAt) / 1e9)
      firstByte.append(Double(machine.promptAt - machine.firstByteAt) / 1e9)
    }
  }

  static func measure(_ setup: Setup, _ progress: Progress) throws -> Section {
    var (atoll, peer) = (Times(), Times())
    var instructions: [Double] = []
    let image = setup.qemu == nil ? nil : try peerImage(setup)
    for run in 1...setup.runs {
      progress.show("boot \(run) of \(setup.runs)")
      instructions.append(try bootAtoll(setup, &atoll))
      guard let image else { continue }
      let machine = try PeerMachine(setup, image: image)
      defer { machine.end() }
      try machine.waitForPrompt()
      peer.add(machine)
    }
    return Section(rows: rows(atoll, peer, UInt64(median(instructions))), method: method(setup))
  }

  private static func peerImage(_ setup: Setup) throws -> String {
    try setup.write(
      "peer.elf",
      PeerImage.build(
        kernel: setup.kernel, initrd: setup.initrd, commandLine: Setup.commandLine, memory: Setup.memory))
  }

  /// Boots once; returns the guest's instructions up to the prompt.
  private static func bootAtoll(_ setup: Setup, _ times: inout Times) throws -> Double {
    let machine = try AtollMachine(setup, initrd: setup.initrd)
    defer { machine.end() }
    try machine.waitForPrompt()
    times.add(machine)
    return Double(try machine.status().instructions)
  }

  private static func rows(_ atoll: Times, _ peer: Times, _ instructions: UInt64) -> [Row] {
    let hasPeer = !peer.entry.isEmpty
    let (mine, theirs) = (median(atoll.entry), median(peer.entry))
    func seconds(_ values: [Double]) -> String { values.isEmpty ? Setup.noPeer : Show.seconds(median(values)) }
    let ratio = mine / theirs
    return [
      Row(figure: "boot: kernel entry to prompt", atoll: Show.seconds(mine), qemu: seconds(peer.entry)),
      Row(
        figure: "boot: times QEMU's", atoll: hasPeer ? String(format: "%.2f", ratio) : "–", qemu: "1", bar: "≤ 5",
        isMet: hasPeer ? ratio <= 5 : nil),
      Row(figure: "boot: from launch", atoll: Show.seconds(median(atoll.launch)), qemu: seconds(peer.launch)),
      Row(
        figure: "boot: from the first byte", atoll: Show.seconds(median(atoll.firstByte)), qemu: seconds(peer.firstByte)
      ),
      Row(figure: "boot: guest instructions", atoll: String(format: "%.2f G", Double(instructions) / 1e9)),
      Row(
        figure: "boot: million instructions a second", atoll: Show.mips(instructions, mine),
        qemu: hasPeer ? "≈ " + Show.mips(instructions, theirs) : "–"),
    ]
  }

  private static func method(_ setup: Setup) -> String {
    "boot: median of \(setup.runs), in turn, 1 vCPU, 1 GiB, Debian's kernel and initramfs, command line “\(Setup.commandLine)”; "
      + "entry is the supervisor's “the guest runs” and QMP's `cont` to a QEMU that holds the same memory image; the end is "
      + "the prompt's arrival through a pipe; QEMU's rate assumes Atoll's count of instructions."
  }
}
