import Foundation
import System

/// `make bench`: measures Atoll, and QEMU beside it, and prints one table.
@main struct Main {
  static func main() {
    do {
      let signals = try Signals()
      let setup = try Setup(Array(CommandLine.arguments.dropFirst()), signals: signals)
      defer { try? FileManager.default.removeItem(atPath: setup.folder) }
      try run(setup)
    } catch {
      let failure = error as? BenchFailure
      FileHandle.standardError.write(Data("\natoll-bench: \(sentence(error))\n".utf8))
      exit(failure?.isInterruption == true ? 130 : 1)
    }
  }

  private static let measurements: [(name: String, measure: @Sendable (Setup, Progress) throws -> Section)] = [
    ("boot", Boot.measure),
    ("integer", { try Loops.measure($0, $1, GuestLoop.integer) }),
    ("float", { try Loops.measure($0, $1, GuestLoop.float) }),
    ("registers", Registers.measure),
    ("kvm", KVM.measure),
    ("idle", Idle.measure),
    ("output", { try Output.measure($0, $1, kills: false) }),
    ("disk", Disk.measure),
    ("kill", { try Output.measure($0, $1, kills: true) }),
  ]

  private static func run(_ setup: Setup) throws {
    let names = measurements.map(\.name)
    if let unknown = setup.only.first(where: { !names.contains($0) }) {
      throw BenchFailure("ONLY=\(unknown) is none of \(names.joined(separator: ", "))")
    }
    var report = Report()
    if setup.qemu == nil {
      report.add(note: "QEMU: \(Setup.noPeer), or a qemu-system-loongarch64 from 8.1 on in PATH.")
    }
    let progress = Progress()
    for measurement in measurements where setup.only.isEmpty || setup.only.contains(measurement.name) {
      do { report.add(try measurement.measure(setup, progress)) } catch {
        if (error as? BenchFailure)?.isInterruption == true { throw error }
        report.add(note: "\(measurement.name) could not be measured: \(sentence(error)).")
      }
    }
    progress.clear()
    print(report.text)
  }

  private static func sentence(_ error: any Error) -> String {
    switch error {
    case let failure as BenchFailure: failure.sentence
    case let failure as SystemError: failure.sentence
    default: "\(error)"
    }
  }
}

/// One line on standard error that says what is being measured, if that is a terminal.
struct Progress {
  private let isShown = isatty(2) == 1

  func show(_ text: String) { if isShown { FileHandle.standardError.write(Data("\r\u{1b}[K\(text) …".utf8)) } }
  func clear() { if isShown { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) } }
}
