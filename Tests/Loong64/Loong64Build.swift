import Foundation
import ProcessSupport
import Testing

/// What `make loong64` made, and QEMU's user-mode emulator to start it with.
enum Loong64Build {
  /// The package's folder.
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
  /// The programs as they are shipped.
  static let programs = root + "/.build-loong64/atoll-loong64/bin"
  /// The programs with their symbols, those of tests among them.
  static let unstripped = root + "/.build-loong64/release"
  static let scripts = root + "/Scripts/Loong64"

  /// The emulator, as Tests/Differential finds it.
  static var emulator: String {
    ProcessInfo.processInfo.environment["ATOLL_QEMU_USER"] ?? cache + "/qemu-user/usr/bin/qemu-loongarch64"
  }

  /// Where `atoll guest fetch` puts things.
  static var cache: String {
    let environment = ProcessInfo.processInfo.environment
    return (environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache") + "/atoll"
  }

  /// Why these tests cannot run here; nil if they can.
  static let absence: String? = {
    let files = FileManager.default
    if !files.isExecutableFile(atPath: programs + "/atoll-vmm") {
      return "the loong64 programs are not built: `make test-loong64` builds them"
    }
    if !files.isExecutableFile(atPath: emulator) {
      return "\(emulator) is missing: `atoll guest fetch --qemu-user` gets it"
    }
    return nil
  }()

  /// The arguments of the emulator for a program: the CPU of a 3A5000, whose pages are 4 KiB here and 16 KiB on a host.
  static func command(_ program: String, _ arguments: [String]) -> [String] { ["-cpu", "la464", program] + arguments }

  /// Starts a program that is shipped, with the descriptors given.
  static func start(_ program: String, _ arguments: [String] = [], descriptors: [Int32]) throws -> Child {
    try Child(
      path: emulator, arguments: command(programs + "/" + program, arguments), descriptors: descriptors)
  }

  /// Runs a command to its end: status, standard output and standard error.
  static func run(_ path: String, _ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let complaint = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: text, as: UTF8.self), String(decoding: complaint, as: UTF8.self)
    )
  }
}

extension Trait where Self == ConditionTrait {
  /// Skipped, with the reason, where the loong64 build or the emulator is absent.
  static var needsLoong64: Self {
    .enabled(if: Loong64Build.absence == nil, Comment(rawValue: Loong64Build.absence ?? ""))
  }
}
