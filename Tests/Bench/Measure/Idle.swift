import Foundation
import System

/// What a guest costs that waits at its prompt: processor, host memory, each device process.
enum Idle {
  private static let settle = 3.0
  private static let span = 10.0

  private struct Cost {
    var share = 0.0
    var memory = 0
  }

  static func measure(_ setup: Setup, _ progress: Progress) throws -> Section {
    progress.show("idle guest of Atoll")
    let machine = try AtollMachine(setup, initrd: setup.initrd)
    defer { machine.end() }
    try machine.waitForPrompt()
    let mine = try cost(machine, isGuestMemory: { name, _ in name.contains("memfd:atoll-ram") })
    var section = Section(method: method)
    var (theirs, start): (Cost?, Int?) = (nil, nil)
    if setup.qemu != nil {
      progress.show("idle guest of QEMU")
      theirs = try peerCost(setup)
      start = try peerStart(setup)
    }
    section.rows = rows(mine, theirs, start)
    section.rows += try deviceRows(machine, progress)
    return section
  }

  private static func cost(_ machine: Machine, isGuestMemory: (String, Int) -> Bool) throws -> Cost {
    try machine.session.run(until: Clock.monotonic + Int64(settle * 1e9))
    let processes = machine.processes
    let (before, start) = (ProcessFigures.processorTime(processes), Clock.monotonic)
    try machine.session.run(until: start + Int64(span * 1e9))
    let used = ProcessFigures.processorTime(processes) - before
    var cost = Cost(share: Double(used) / Double(Clock.monotonic - start))
    for pid in processes {
      guard let memory = ProcessFigures.memory(pid, without: isGuestMemory) else {
        throw BenchFailure("/proc/\(pid)/smaps cannot be read")
      }
      cost.memory += memory.proportional
    }
    return cost
  }

  /// QEMU's guest RAM is the one mapping of at least its size.
  private static func isPeerMemory(_ name: String, _ size: Int) -> Bool { size >= Int(Setup.memory) }

  private static func peerCost(_ setup: Setup) throws -> Cost {
    let image = try PeerImage.build(
      kernel: setup.kernel, initrd: setup.initrd, commandLine: Setup.commandLine, memory: Setup.memory)
    let machine = try PeerMachine(setup, image: try setup.write("peer.elf", image))
    defer { machine.end() }
    try machine.waitForPrompt()
    return try cost(machine, isGuestMemory: isPeerMemory)
  }

  /// Memory of a QEMU that has not run an instruction.
  private static func peerStart(_ setup: Setup) throws -> Int {
    let path = try setup.write("probe.elf", RegisterProbe.program(core: false))
    let machine = try PeerMachine(setup, image: path, goes: false)
    defer { machine.end() }
    return machine.processes.reduce(0) { $0 + (ProcessFigures.memory($1, without: isPeerMemory)?.proportional ?? 0) }
  }

  private static func rows(_ mine: Cost, _ theirs: Cost?, _ start: Int?) -> [Row] {
    [
      Row(
        figure: "idle: processor, all processes", atoll: Show.percent(mine.share),
        qemu: theirs.map { Show.percent($0.share) } ?? Setup.noPeer, bar: "< 2 %", isMet: mine.share < 0.02),
      Row(
        figure: "idle: memory beside guest RAM", atoll: Show.mebibytes(mine.memory),
        qemu: theirs.map { Show.mebibytes($0.memory) } ?? Setup.noPeer, bar: "≤ 60 MB", isMet: mine.memory <= 60_000_000
      ),
      Row(figure: "  before the first instruction", atoll: "–", qemu: start.map { Show.mebibytes($0) } ?? Setup.noPeer),
    ]
  }

  // MARK: device processes

  private static let devices = ["serial", "rtc", "power"]
  private static let restarts = 5

  private static func deviceRows(_ machine: AtollMachine, _ progress: Progress) throws -> [Row] {
    progress.show("device processes")
    var rows: [Row] = []
    var starts: [Double] = []
    let status = try machine.status()
    for name in devices {
      guard let process = status.processes.first(where: { $0.name == name }), process.pid > 0,
        let memory = ProcessFigures.memory(process.pid)
      else { throw BenchFailure("\(name) is not running or cannot be looked at") }
      rows.append(
        Row(
          figure: "\(name): resident, private",
          atoll: "\(Show.kilobytes(memory.resident)), \(Show.kilobytes(memory.own))",
          bar: "≤ 1200, 200 KB", isMet: memory.resident <= 1_200_000 && memory.own <= 200_000))
      for _ in 0..<restarts {
        try machine.restart(name)
        starts.append(Double(try machine.status().processes.first { $0.name == name }?.startTime ?? 0) / 1e6)
      }
    }
    let middle = median(starts)
    rows.append(
      Row(
        figure: "device: spawn to ready, sandboxed", atoll: Show.milliseconds(middle), bar: "≤ 5 ms", isMet: middle <= 5
      ))
    return rows
  }

  private static let method =
    "idle: 3 s after the prompt, 10 s of schedstat over all processes; memory is Pss of all mappings (smaps) but guest RAM; "
    + "devices from smaps of the same guest, private is Private_Dirty; spawn to ready is the supervisor's figure, median of 5 restarts of each device "
    + "while the guest runs."
}
