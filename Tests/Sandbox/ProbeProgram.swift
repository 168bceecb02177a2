import Foundation
import Testing

/// Who acts as the supervisor.
enum Supervisor: String, CaseIterable, CustomTestStringConvertible {
  case currentUser = "this user"
  /// Root starts the driver as an ordinary user without any group.
  case ordinaryUser = "an ordinary user"
  /// Root of a user namespace that has no other user.
  case containerRoot = "root of a container"

  var testDescription: String { rawValue }

  /// This user, and besides root an ordinary one. An ordinary user cannot become root, so only one of two is tried there.
  static var available: [Supervisor] { geteuid() == 0 ? [.currentUser, .ordinaryUser] : [.currentUser] }

  fileprivate var prefix: [String] {
    switch self {
    case .currentUser: ["/usr/bin/env"]
    case .ordinaryUser: ["/usr/bin/setpriv", "--reuid", "61234", "--regid", "61234", "--clear-groups"]
    case .containerRoot: ["/usr/bin/unshare", "--user", "--map-root-user"]
    }
  }
}

/// The probe program of the Embedded build, which alone is static and can start in an empty root.
enum ProbeProgram {
  static let missing = "there is no static atoll-probe: run `make embedded`, or set ATOLL_BIN to its folder"

  private static let folder: URL = {
    let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return ProcessInfo.processInfo.environment["ATOLL_BIN"].map { URL(filePath: $0) }
      ?? package.appending(path: ".build-embedded/release")
  }()

  /// The program, copied to where an ordinary user can reach it; nil if it was not built.
  static let path: String? = {
    let built = folder.appending(path: "atoll-probe").path
    guard FileManager.default.isExecutableFile(atPath: built) else { return nil }
    let copy = FileManager.default.temporaryDirectory.appending(path: "atoll-probe-\(getpid())").path
    try? FileManager.default.removeItem(atPath: copy)
    guard (try? FileManager.default.copyItem(atPath: built, toPath: copy)) != nil else { return nil }
    chmod(copy, 0o755)
    atexit { ProbeProgram.path.map { _ = unlink($0) } }
    return copy
  }()

  /// The VMM beside it; nil if it was not built.
  static let vmm: String? = {
    let program = folder.appending(path: "atoll-vmm").path
    return FileManager.default.isExecutableFile(atPath: program) ? program : nil
  }()

  static var isBuilt: Bool { path != nil }

  /// Runs the driver to its end and returns what it printed, line by line.
  static func run(as supervisor: Supervisor = .currentUser, _ arguments: [String]) throws -> [String] {
    let process = Process()
    let output = Pipe()
    prepare(process, supervisor, arguments, output)
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// Starts the driver and returns it with its first line.
  static func start(_ arguments: [String]) throws -> (process: Process, line: String) {
    let process = Process()
    let output = Pipe()
    prepare(process, .currentUser, arguments, output)
    try process.run()
    let bytes = output.fileHandleForReading.availableData
    return (process, String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines))
  }

  private static func prepare(_ process: Process, _ supervisor: Supervisor, _ arguments: [String], _ output: Pipe) {
    let words = supervisor.prefix + [path ?? "/nonexistent"] + arguments
    process.executableURL = URL(filePath: words[0])
    process.arguments = Array(words.dropFirst())
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
  }
}
