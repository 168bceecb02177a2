import Foundation
import Testing

/// What tests with other people's programs need beyond `Programs`. `make test-interop` fetches it and asks for them.
enum Interop {
  /// The folder of other people's back-ends, which ATOLL_INTEROP_ROOT names; nil: these tests do not run. What then is not
  /// there is a failure.
  static let root = ProcessInfo.processInfo.environment["ATOLL_INTEROP_ROOT"]
  static let comment: Comment = "`make test-interop` runs these"

  /// Throws if one of the root's programs is not there.
  static func require(_ program: String) throws {
    let path = "\(try #require(root))/\(program)"
    try #require(
      FileManager.default.isExecutableFile(atPath: path),
      "\(path) is not there: `atoll guest fetch --vhost-user` gets it")
    try #require(Programs.areThere, "there are no Embedded programs or no guest: `make embedded guest` makes them")
  }
}

extension Machine {
  /// The machine of `atoll run` with `options`, once its shell takes commands.
  static func run(_ options: [String]) throws -> Machine {
    let machine = try Machine { folder in
      [Programs.command, "run", "--programs", Programs.folder, "--control", folder.path + "/control"]
        + ["--memory", "512M", "--append", "quiet"] + options
    }
    try machine.waitForShell()
    _ = try machine.run("dmesg -n 1")
    return machine
  }

  /// Runs `line` again and again until process `name` has been killed `kills` times meanwhile, and waits until it is in
  /// service again; what each run printed.
  func run(_ line: String, killing name: String, kills: Int = 1, meanwhile: () -> Void = {}) throws -> [String] {
    let before = try process(name)?.restarts ?? 0
    var (left, next, last) = (kills, Date() + 0.3, Int32(0))
    var texts: [String] = []
    repeat {
      let text = try run(line) {
        meanwhile()
        guard left > 0, Date() >= next, let row = try process(name), row.state == "running", row.pid != last else {
          return
        }
        kill(row.pid, SIGKILL)
        (left, last, next) = (left - 1, row.pid, Date() + 0.7)
      }
      texts.append(text)
    } while left > 0 && texts.count < 100
    try wait(60) { try process(name).map { $0.state == "running" && $0.restarts == before + kills } ?? false }
    return texts
  }

  /// Waits until something is so.
  func wait(_ seconds: Double, until isSo: () throws -> Bool) throws {
    let end = Date() + seconds
    while try !isSo() {
      guard Date() < end else {
        throw Failure.tookTooLong("what was waited for\n" + text(from: max(0, console.count - 500)))
      }
      usleep(5000)
    }
  }

  /// Switches off.
  func powerOff() throws {
    type("poweroff -f\n")
    #expect(try end() == 0)
  }
}

/// A folder that everybody may write in, because the processes of a machine of root's are another user; it goes with its value.
final class OpenFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("atoll-i\(UInt32.random(in: 0 ... .max))").path
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    chmod(path, 0o777)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A file that everybody may write.
  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    chmod(file, 0o666)
    return file
  }

  /// Of a file in it.
  func md5(_ name: String) throws -> String {
    try OpenFolder.md5(Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
  }

  static func md5(_ bytes: Data) throws -> String {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(
      "atoll-sum\(UInt32.random(in: 0 ... .max))")
    try bytes.write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let (program, output) = (Process(), Pipe())
    program.executableURL = URL(fileURLWithPath: "/usr/bin/md5sum")
    (program.arguments, program.standardOutput) = ([file.path], output)
    try program.run()
    return String(decoding: output.fileHandleForReading.readDataToEndOfFile().prefix(32), as: UTF8.self)
  }

  /// Bytes that nobody could guess.
  static func noise(megabytes: Int) -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    let words = (0..<(megabytes << 17)).map { _ in random.next() }
    return words.withUnsafeBytes { Array($0) }
  }
}
