import Foundation

/// What all measurements share: where the programs and the guest are, how often to measure.
struct Setup {
  /// Bytes of guest RAM.
  static let memory: UInt64 = 1 << 30
  /// What `atoll run` gives the kernel, and QEMU's image holds.
  static let commandLine = "console=ttyS0"
  static let noPeer = "not installed: make bench-peer"

  /// Path of the `atoll` command.
  var atoll: String
  /// Folder of Atoll's other programs; nil: where `atoll` looks for them.
  var programs: String?
  var kernel: String
  var initrd: String
  /// Path of QEMU's system emulator or of a script that starts it; nil if there is none that is new enough.
  var qemu: String?
  /// How qemu-storage-daemon is started, the program's loader first; nil if it is not there.
  var storageDaemon: [String]?
  /// How often each time is measured.
  var runs = 5
  /// Names of the measurements that are wanted; empty: all.
  var only: Set<String> = []
  /// A folder for this run, removed at its end.
  var folder: String
  let signals: Signals

  /// Reads the command line: NAME=VALUE, as `make` hands it on.
  init(_ arguments: [String], signals: Signals) throws {
    self.signals = signals
    let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    let guest = Setup.cache.appendingPathComponent("guest")
    atoll = own.appendingPathComponent("atoll").path
    kernel = guest.appendingPathComponent("vmlinuz").path
    initrd = guest.appendingPathComponent("initramfs.cpio").path
    folder = NSTemporaryDirectory() + "/atoll-bench-\(getpid())"
    for argument in arguments { try take(argument) }
    for file in [atoll, kernel, initrd] where !FileManager.default.fileExists(atPath: file) {
      throw BenchFailure("\(file) is missing: run `make bench`, which makes it")
    }
    qemu = Setup.findPeer()
    storageDaemon = Setup.findStorageDaemon()
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
  }

  private mutating func take(_ argument: String) throws {
    let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else {
      if argument.hasSuffix("=") { return }
      throw BenchFailure("\(argument) is not NAME=VALUE with one of RUNS, ONLY, ATOLL and PROGRAMS")
    }
    switch parts[0] {
    case "ATOLL": atoll = parts[1]
    case "PROGRAMS": programs = parts[1]
    case "ONLY": only = Set(parts[1].split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init))
    case "RUNS":
      guard let number = Int(parts[1]), (1...100).contains(number) else { throw BenchFailure("RUNS is 1 to 100") }
      runs = number
    default: throw BenchFailure("\(parts[0]) is none of RUNS, ONLY, ATOLL and PROGRAMS")
    }
  }

  /// Where `make embedded` puts the programs: beside the tree's other build folder.
  var embedded: String {
    URL(fileURLWithPath: atoll).deletingLastPathComponent().appendingPathComponent("../../../.build-embedded/release")
      .standardized.path
  }

  /// $XDG_CACHE_HOME/atoll, or ~/.cache/atoll.
  private static var cache: URL {
    let environment = ProcessInfo.processInfo.environment
    if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") {
      return URL(fileURLWithPath: cache).appendingPathComponent("atoll")
    }
    return FileManager.default.homeDirectoryForCurrentUser.appendingPathComponent(".cache/atoll")
  }

  /// The emulator that `make bench-peer` set up, or one in PATH from version 8.1 on, the first with LSX.
  private static func findPeer() -> String? {
    let own = cache.appendingPathComponent("qemu-system/run").path
    if FileManager.default.isExecutableFile(atPath: own) { return own }
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    for folder in path.split(separator: ":") {
      let program = "\(folder)/qemu-system-loongarch64"
      if FileManager.default.isExecutableFile(atPath: program), isNewEnough(version(program)) { return program }
    }
    return nil
  }

  /// The daemon of the private root of back-ends, run by that root's own loader.
  private static func findStorageDaemon() -> [String]? {
    let root = cache.appendingPathComponent("vhost-user/usr")
    let manager = FileManager.default
    let program = root.appendingPathComponent("bin/qemu-storage-daemon").path
    guard manager.isExecutableFile(atPath: program) else { return nil }
    for folder in ["lib64", "lib"] {
      let path = root.appendingPathComponent(folder).path
      let names = (try? manager.contentsOfDirectory(atPath: path)) ?? []
      guard let loader = names.first(where: { $0.hasPrefix("ld-linux") }) else { continue }
      let lib = root.appendingPathComponent("lib").path
      let libraries = ((try? manager.contentsOfDirectory(atPath: lib)) ?? []).filter { $0.hasSuffix("-linux-gnu") }
      return ["\(path)/\(loader)", "--library-path", libraries.map { "\(lib)/\($0)" }.joined(separator: ":"), program]
    }
    return nil
  }

  private static func version(_ program: String) -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = ["--version"]
    let pipe = Pipe()
    process.standardOutput = pipe
    guard (try? process.run()) != nil else { return "" }
    defer { process.waitUntilExit() }
    return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  }

  /// Reads "QEMU emulator version 11.1.3 …".
  private static func isNewEnough(_ text: String) -> Bool {
    guard let word = text.split(separator: " ").first(where: { $0.first?.isNumber ?? false }) else { return false }
    let numbers = word.split(separator: ".").prefix(2).compactMap { Int($0) }
    guard numbers.count == 2 else { return false }
    return numbers[0] > 8 || (numbers[0] == 8 && numbers[1] >= 1)
  }

  /// Writes a file into the run's folder; its path.
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let path = "\(folder)/\(name)"
    do { try Data(bytes).write(to: URL(fileURLWithPath: path)) } catch {
      throw BenchFailure("cannot write \(path)")
    }
    return path
  }

  /// All bytes of a file.
  static func read(_ path: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else { throw BenchFailure("cannot read \(path)") }
    return [UInt8](data)
  }
}
