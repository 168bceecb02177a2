import Control
import Foundation
import System

/// The guest's first disk: our block process, the same back-end code on a thread of the VMM's own process, QEMU's own device,
/// and QEMU with qemu-storage-daemon. Same kernel, same file, same program in the guest.
enum Disk {
  private static let loops = [DiskLoops.random, DiskLoops.single, DiskLoops.sequential]

  static func measure(_ setup: Setup, _ progress: Progress) throws -> Section {
    let file = try makeFile(setup)
    let programs = loops.map { ($0.name, $0.program) }
    let initrd = try setup.write("disk.cpio", RAMDisk.appending(programs, to: try Setup.read(setup.initrd)))
    var section = Section(method: method(setup))
    progress.show("booting with a disk")
    let machines = try Machines(setup, file: file, initrd: initrd)
    defer { machines.end() }
    for loop in loops { section.rows += try rows(loop, machines, setup, progress) }
    section.rows += try countedRows(machines)
    return section
  }

  /// Random bytes: a file without holes, all of it in the host's page cache.
  private static func makeFile(_ setup: Setup) throws -> String {
    var generator = SystemRandomNumberGenerator()
    let words = (0..<(1 << 17)).map { _ in generator.next() }
    let piece = words.withUnsafeBytes { Data($0) }
    let path = "\(setup.folder)/disk.img"
    guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path) else {
      throw BenchFailure("cannot write \(path)")
    }
    for _ in 0..<(Int(DiskLoops.diskBytes) / piece.count) { try file.write(contentsOf: piece) }
    try file.close()
    return path
  }

  /// The four machines, booted; what is not installed is nil.
  private final class Machines {
    let process: AtollMachine
    let inside: AtollMachine
    let qemu: PeerMachine?
    let daemonMachine: PeerMachine?
    private let daemon: Session?

    init(_ setup: Setup, file: String, initrd: String) throws {
      process = try AtollMachine(setup, initrd: initrd, more: ["--disk", "\(file),readonly"])
      try process.waitForPrompt()
      inside = try InsideMachine.start(setup, file: file, initrd: initrd)
      try inside.waitForPrompt()
      guard setup.qemu != nil else {
        (qemu, daemonMachine, daemon) = (nil, nil, nil)
        return
      }
      let image = try setup.write(
        "disk.elf",
        PeerImage.build(kernel: setup.kernel, initrd: initrd, commandLine: Setup.commandLine, memory: Setup.memory))
      let drive = ["-drive", "file.filename=\(file),file.locking=off,if=none,id=d,format=raw,aio=io_uring,readonly=on", "-device", "virtio-blk-pci,drive=d"]
      let own = try PeerMachine(setup, image: image, more: drive)
      try own.waitForPrompt()
      qemu = own
      (daemon, daemonMachine) = try Machines.withDaemon(setup, file, image)
    }

    private static func withDaemon(_ setup: Setup, _ file: String, _ image: String) throws -> (Session?, PeerMachine?) {
      guard let program = setup.storageDaemon else { return (nil, nil) }
      let socket = "\(setup.folder)/daemon.sock"
      let daemon = try Session(
        program + [
          "--blockdev", "driver=file,node-name=f,filename=\(file),locking=off,aio=io_uring,read-only=on", "--blockdev",
          "driver=raw,node-name=d,file=f,read-only=on", "--export",
          "type=vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=\(socket),writable=off",
        ], signals: setup.signals)
      let deadline = Clock.monotonic + 10_000_000_000
      while !FileManager.default.fileExists(atPath: socket), Clock.monotonic < deadline, !daemon.outputClosed {
        try daemon.pump(until: Clock.monotonic + 10_000_000)
      }
      let machine = try PeerMachine(
        setup, image: image,
        more: ["-chardev", "socket,id=c,path=\(socket)", "-device", "vhost-user-blk-pci,chardev=c,num-queues=1"])
      try machine.waitForPrompt()
      return (daemon, machine)
    }

    var all: [Machine?] { [process, inside, qemu, daemonMachine] }
    func end() {
      for machine in all { machine?.end() }
      daemon?.end()
    }
  }

  // MARK: figures

  /// Seconds of each machine, in turn.
  private static func rows(_ loop: GuestLoop, _ machines: Machines, _ setup: Setup, _ progress: Progress) throws -> [Row] {
    var times = machines.all.map { _ in [Double]() }
    for run in 1...max(3, setup.runs) {
      progress.show("\(loop.name) \(run)")
      for (index, machine) in machines.all.enumerated() {
        if let machine { times[index].append(try seconds(loop, machine)) }
      }
    }
    let rates = times.map { $0.isEmpty ? nil : amount(loop) / median($0) }
    let show = { (rate: Double?) in rate.map { unit(loop, $0) } ?? "–" }
    var rows = [Row(figure: "disk: \(loop.title)", atoll: show(rates[0]), qemu: machines.qemu == nil ? Setup.noPeer : show(rates[2]))]
    if rates[3] != nil { rows.append(Row(figure: "  with qemu-storage-daemon", atoll: "–", qemu: show(rates[3]))) }
    if let theirs = rates[2], let mine = rates[0] {
      rows.append(Row(figure: "  times QEMU's", atoll: String(format: "%.2f", mine / theirs), qemu: "1"))
    }
    // Pair by pair, because the machine's speed drifts.
    let ratio = median(zip(times[1], times[0]).map { $0 / $1 })
    let isBar = loop.name != DiskLoops.single.name
    rows.append(
      Row(
        figure: "  over the same back-end in the VMM's process", atoll: String(format: "%.2f", ratio),
        bar: isBar ? "≥ 0.9" : "–", isMet: isBar ? ratio >= 0.9 : nil))
    return rows
  }

  private static func seconds(_ loop: GuestLoop, _ machine: Machine) throws -> Double {
    let text = try machine.shell("/bench/\(loop.name)", seconds: 120)
    let words = text.split(whereSeparator: \.isNewline).filter { $0.count == 16 && $0.allSatisfy(\.isHexDigit) }
    guard words.count == 2, let time = UInt64(String(words[0]), radix: 16), let reads = UInt64(String(words[1]), radix: 16)
    else { throw BenchFailure("\(loop.name) printed “\(text.suffix(80))”") }
    guard reads == count(loop) else { throw BenchFailure("\(loop.name): \(reads) of \(count(loop)) reads came back whole") }
    return Double(time) / 1e9
  }

  private static func count(_ loop: GuestLoop) -> UInt64 {
    loop.name == DiskLoops.sequential.name ? DiskLoops.sequentialReads : DiskLoops.randomReads
  }

  private static func amount(_ loop: GuestLoop) -> Double {
    loop.name == DiskLoops.sequential.name ? Double(DiskLoops.sequentialReads * DiskLoops.pieceBytes) / 1e6 : Double(DiskLoops.randomReads)
  }

  private static func unit(_ loop: GuestLoop, _ rate: Double) -> String {
    loop.name == DiskLoops.sequential.name ? String(format: "%.0f MB/s", rate) : String(format: "%.0f /s", rate)
  }

  /// After a million more requests: what went through the core meanwhile, and what each process weighs.
  private static func countedRows(_ machines: Machines) throws -> [Row] {
    let before = try machines.process.status()
    var reads: UInt64 = 0
    while reads < 1_000_000 {
      _ = try seconds(DiskLoops.random, machines.process)
      reads += DiskLoops.randomReads
    }
    let after = try machines.process.status()
    let pcie = { (status: MachineStatus) in status.processes.first { $0.name == "pcie" }?.accesses ?? 0 }
    let messages = after.coreMessages &- before.coreMessages
    var rows = [
      Row(figure: "a million requests: messages through the core", atoll: "\(messages)", bar: "0", isMet: messages == 0),
      Row(figure: "  register accesses of pcie meanwhile", atoll: "\(pcie(after) &- pcie(before))", bar: "0", isMet: pcie(after) == pcie(before)),
    ]
    for name in ["block0", "rng0"] {
      guard let process = after.processes.first(where: { $0.name == name }),
        let memory = ProcessFigures.memory(process.pid, without: { name, _ in name.contains("memfd:atoll-ram") })
      else { continue }
      rows.append(
        Row(
          figure: "\(name): resident without guest pages", atoll: Show.kilobytes(memory.resident), bar: "≤ 3000 KB",
          isMet: memory.resident <= 3_000_000))
    }
    return rows
  }

  private static func method(_ setup: Setup) -> String {
    "disk: median of \(max(3, setup.runs)), in turn, a 256 MiB file in the host's page cache, O_DIRECT in the guest; \(DiskLoops.randomReads) random reads by "
      + "io_submit(2), \(DiskLoops.sequentialReads) MiB by pread(2), timed by the guest's CLOCK_MONOTONIC; the ratio to the back-end inside "
      + "the VMM (a thread of it, no sandbox) is the median of pairs; QEMU reads with aio=io_uring in its own process, and by vhost-user-blk in "
      + "qemu-storage-daemon; a million requests are 50 more runs of the random reads."
  }
}
