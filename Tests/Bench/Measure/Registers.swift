import Foundation

/// What a register read costs that a device process serves.
enum Registers {
  static func measure(_ setup: Setup, _ progress: Progress) throws -> Section {
    progress.show("register access")
    let path = try setup.write("probe.elf", RegisterProbe.program(core: true))
    let atoll = try samples(RegisterProbe.Kind.allCases.count) { try AtollMachine(setup, kernel: path) }
    guard setup.qemu != nil else { return Section(rows: rows(atoll, nil), method: method) }
    let image = try setup.write("peer-probe.elf", RegisterProbe.program(core: false))
    let peer = try samples(RegisterProbe.Kind.allCases.count - 1) { try PeerMachine(setup, image: image) }
    return Section(rows: rows(atoll, peer), method: method)
  }

  private static func samples(
    _ kinds: Int, _ start: () throws -> Machine
  ) throws -> [RegisterProbe.Kind: [(nanoseconds: Double, count: Int)]] {
    let machine = try start()
    defer { machine.end() }
    try machine.session.waitForEnd(seconds: 60)
    let found = RegisterProbe.parse(String(decoding: machine.session.output, as: UTF8.self))
    guard found.count == kinds else {
      throw BenchFailure("the register probe did not report\(machine.session.lastWords)")
    }
    return found
  }

  private static func rows(
    _ atoll: [RegisterProbe.Kind: [(nanoseconds: Double, count: Int)]],
    _ peer: [RegisterProbe.Kind: [(nanoseconds: Double, count: Int)]]?
  ) -> [Row] {
    func value(_ kind: RegisterProbe.Kind, _ share: Double) -> Double {
      RegisterProbe.quantile(atoll[kind] ?? [], share)
    }
    func text(_ kind: RegisterProbe.Kind) -> String {
      "p50 \(Show.microseconds(value(kind, 0.5))), p99 \(Show.microseconds(value(kind, 0.99)))"
    }
    let other = peer?[.awake].map { "p50 " + Show.microseconds(RegisterProbe.quantile($0, 0.5)) }
    let extra = value(.awake, 0.5) - value(.core, 0.5)
    return [
      Row(figure: "register in the VMM", atoll: text(.core)),
      Row(figure: "register in a process, awake", atoll: text(.awake), qemu: other ?? Setup.noPeer),
      Row(
        figure: "  the same over the VMM's, p50", atoll: Show.microseconds(extra), bar: "≤ 1.50 µs",
        isMet: extra <= 1500),
      Row(figure: "register in a process, asleep", atoll: text(.asleep)),
    ]
  }

  private static let method =
    "registers: a bare-metal guest reads the stable counter (10 ns) before and after each of 20000 loads: 0x1fe00008 (VMM), "
    + "the UART's scratch register (serial process; in QEMU its own device), and 300 of the latter 2 ms apart."
}
