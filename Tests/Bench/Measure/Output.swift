import Foundation
import System

/// One MiB out of the UART, and the same with the serial process killed while 64 KiB are typed.
enum Output {
  /// Lines that say where they are: a lost, doubled or exchanged byte shows.
  private static let outputLines = (first: 100_000, last: 249_796)
  private static let outputBytes = 1 << 20
  private static let inputBytes = 64 << 10
  private static let kills = 10
  /// A restart comes at once only if the last death is this long ago (Protocols/Control, "Restart").
  private static let killSpacing: Int64 = 10_200_000_000

  private static let expected = Array(
    Array((outputLines.first...outputLines.last).map { "\($0)\n" }.joined().utf8).prefix(outputBytes))

  static func measure(_ setup: Setup, _ progress: Progress, kills wanted: Bool) throws -> Section {
    progress.show("1 MiB of output")
    let atoll = try AtollMachine(setup, initrd: setup.initrd)
    defer { atoll.end() }
    try prepare(atoll)
    guard wanted else { return try speed(setup, progress, atoll) }
    return try killed(atoll, progress)
  }

  private static func prepare(_ machine: Machine) throws {
    try machine.waitForPrompt()
    try machine.shell("stty -F /dev/ttyS0 -opost")
    try machine.shell("seq \(outputLines.first) \(outputLines.last) | head -c \(outputBytes) > /tmp/out")
  }

  // MARK: speed

  private static func speed(_ setup: Setup, _ progress: Progress, _ atoll: Machine) throws -> Section {
    var machines = [atoll]
    if setup.qemu != nil {
      let image = try PeerImage.build(
        kernel: setup.kernel, initrd: setup.initrd, commandLine: Setup.commandLine, memory: Setup.memory)
      machines.append(try PeerMachine(setup, image: try setup.write("peer.elf", image)))
      try prepare(machines[1])
    }
    defer { machines.last?.end() }
    var times = machines.map { _ in [Double]() }
    for run in 1...setup.runs {
      progress.show("1 MiB of output, \(run) of \(setup.runs)")
      for (index, machine) in machines.enumerated() { times[index].append(try transfer(machine)) }
    }
    let row = Row(
      figure: "1 MiB out of the UART", atoll: Show.seconds(median(times[0])),
      qemu: times.count > 1 ? Show.seconds(median(times[1])) : Setup.noPeer)
    return Section(
      rows: [row],
      method:
        "1 MiB: median of \(setup.runs), in turn, `cat` of a file to ttyS0 without output processing, first to last byte."
    )
  }

  private static func transfer(_ machine: Machine) throws -> Double {
    let start = machine.session.output.count
    machine.session.send("cat /tmp/out\n")
    let (first, last) = (try find(machine.session, expected.prefix(700), from: start), expected.suffix(700))
    let end = try find(machine.session, last, from: first) + last.count
    guard machine.session.output[first..<end].elementsEqual(expected) else {
      throw BenchFailure("1 MiB came out changed")
    }
    try machine.shell("true")
    return Double(arrival(machine.session, of: end) - arrival(machine.session, of: first + 1)) / 1e9
  }

  private static func find(_ session: Session, _ bytes: ArraySlice<UInt8>, from start: Int) throws -> Int {
    let text = String(decoding: bytes, as: UTF8.self)
    return try session.wait(for: text, from: start, seconds: 60, "waiting for 1 MiB of output") - bytes.count
  }

  /// When the byte before `position` came.
  private static func arrival(_ session: Session, of position: Int) -> Int64 {
    session.arrivals.first { $0.length >= position }?.time ?? 0
  }

  // MARK: kills

  private static func killed(_ machine: AtollMachine, _ progress: Progress) throws -> Section {
    var (gaps, restarts): ([Double], [Double]) = ([], [])
    var lastKill = Clock.monotonic - killSpacing
    var faults: [String] = []
    for number in 1...kills {
      progress.show("kill \(number) of \(kills)")
      try machine.session.run(until: lastKill + killSpacing)
      let start = machine.session.output.count
      let typed = try beginTransfers(machine)
      lastKill = try killSerial(machine, from: start)
      if let fault = try finishTransfers(machine, from: start, typed: typed) { faults.append(fault) }
      gaps.append(Double(gapEnd(machine.session, after: lastKill) - lastKill) / 1e6)
      let status = try machine.status()
      restarts.append(Double(status.processes.first { $0.name == "serial" }?.lastRestart ?? 0) / 1e6)
    }
    return killSection(gaps, restarts, faults)
  }

  private static func killSection(_ gaps: [Double], _ restarts: [Double], _ faults: [String]) -> Section {
    let intact = kills - faults.count
    var section = Section(
      rows: [
        Row(
          figure: "kill -9 of serial: streams intact", atoll: "\(intact) of \(kills)", bar: "all", isMet: faults.isEmpty
        ),
        Row(
          figure: "kill to service again", atoll: Show.milliseconds(median(gaps)), bar: "≤ 50 ms",
          isMet: median(gaps) <= 50),
        Row(figure: "  of that, death seen to ready", atoll: Show.milliseconds(median(restarts))),
      ],
      method:
        "kills: \(kills), each in the middle of 1 MiB of output with 64 KiB typed at the same time, both compared byte for byte "
        + "(input by md5sum in the guest); service is the end of the longest silence of the output that begins within 3 ms of kill(2)."
    )
    if !faults.isEmpty { section.method += " Faults: " + Set(faults).sorted().joined(separator: "; ") + "." }
    return section
  }

  /// Starts a reader of typed input and the output, and types.
  private static func beginTransfers(_ machine: Machine) throws -> [UInt8] {
    // Printable and without anything that a raw terminal still acts on.
    let typed: [UInt8] = (0..<inputBytes).map { (index: Int) in
      let step: Int = index * 7 + index / 61
      return UInt8(0x30 + step % 64)
    }
    machine.session.send(
      "stty -F /dev/ttyS0 raw -echo; (cat /tmp/out > /dev/ttyS0) & echo '<go''>'; "
        + "head -c \(inputBytes) > /tmp/in; wait; stty -F /dev/ttyS0 sane -opost; md5sum < /tmp/in; echo '=in''=done'\n"
    )
    let start = machine.session.output.count
    try machine.session.wait(for: "<go>", from: start, seconds: 30, "starting the transfers")
    machine.session.send(typed)
    return typed
  }

  /// Kills the serial process once a third of the output has come; when.
  private static func killSerial(_ machine: AtollMachine, from start: Int) throws -> Int64 {
    let pid = try machine.status().processes.first { $0.name == "serial" }?.pid ?? 0
    guard pid > 0 else { throw BenchFailure("the serial process is not running") }
    let deadline = Clock.monotonic + 30_000_000_000
    while machine.session.output.count < start + outputBytes / 3, Clock.monotonic < deadline {
      try machine.session.pump(until: deadline)
    }
    let time = Clock.monotonic
    guard kill(pid, SIGKILL) == 0 else { throw BenchFailure("the serial process cannot be killed") }
    return time
  }

  /// Waits for both ends; what went wrong, if anything.
  private static func finishTransfers(_ machine: Machine, from start: Int, typed: [UInt8]) throws -> String? {
    let session = machine.session
    let end = try session.wait(for: "=in=done", from: start, seconds: 60, "waiting for the typed input")
    let text = session.output[start..<end]
    guard let first = Session.find(Array(expected.prefix(70)), in: session.output, from: start) else {
      return "the output did not begin"
    }
    let marker = Array("<go>\n".utf8)
    var output = Array(session.output[first..<end])
    if let mark = Session.find(marker, in: output, from: 0) { output.removeSubrange(mark..<mark + marker.count) }
    guard output.starts(with: expected) else { return "output changed at byte \(difference(output))" }
    let sum = String(decoding: text.suffix(120), as: UTF8.self)
    return sum.contains(MD5.hexadecimal(typed)) ? nil : "typed input changed"
  }

  private static func difference(_ output: [UInt8]) -> Int {
    zip(output, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? output.count
  }

  /// What the dead process had handed to the terminal comes within this time: the terminal gathers for 1 ms.
  private static let inFlight: Int64 = 3_000_000

  /// The end of the longest silence that began while bytes could still be in flight after `time`.
  private static func gapEnd(_ session: Session, after time: Int64) -> Int64 {
    var (longest, end, last): (Int64, Int64, Int64) = (0, time, time)
    for arrival in session.arrivals where arrival.time > time {
      guard last - time <= inFlight else { break }
      if arrival.time - last > longest { (longest, end) = (arrival.time - last, arrival.time) }
      last = arrival.time
    }
    return end
  }
}
