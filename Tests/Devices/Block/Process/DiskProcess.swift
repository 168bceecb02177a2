import Foundation
import System
import VhostBenchSupport

/// atoll-block on a file, and the folder that both are in.
final class DiskProcess {
  /// Ways to run it: with io_uring, without, and past the page cache where temporary files can be used so (in memory they
  /// cannot before Linux 6.6).
  static let settings: [[String]] = [[], ["--no-io-uring"]] + (hasDirect ? [["--cache=none"]] : [])
  private static let hasDirect: Bool = {
    let path = FileManager.default.temporaryDirectory.appending(path: "atoll-direct-\(UUID().uuidString)").path
    // 0o40000: O_DIRECT, which Swift does not see.
    let file = try? FileDescriptor.open(path, flags: O_RDWR | O_CREAT | 0o40000, mode: 0o600)
    unlink(path)
    return file != nil
  }()
  private(set) var backEnd: BackEndProcess
  let path: String
  private let folder: String
  private let arguments: [String]
  private let wrapper: [String]

  /// Starts it on a new file of `bytes`. What `wrapper` makes of the file's folder is put before the program's name.
  init(_ bytes: [UInt8], _ options: [String] = [], wrapper: (_ folder: String) -> [String] = { _ in [] }) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "atoll-disk-\(UUID().uuidString.prefix(8))").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    path = "\(folder)/disk"
    try Data(bytes).write(to: URL(filePath: path))
    let program = URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    arguments =
      [program.deletingLastPathComponent().appending(path: "atoll-block").path, "--fd={fd}", "--blk-file=\(path)"]
      + options
    self.wrapper = wrapper(folder)
    backEnd = try BackEndProcess(self.wrapper + arguments, .connected, directory: folder)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// SIGKILL, then a new incarnation; returns its socket.
  func killAndRestart() throws -> FileDescriptor {
    kill(backEnd.pid, SIGKILL)
    _ = backEnd.wait()
    backEnd = try BackEndProcess(wrapper + arguments, .connected, directory: folder)
    return try backEnd.connect()
  }

  /// `count` bytes of the file from `offset`.
  func contents(_ offset: Int, _ count: Int) throws -> [UInt8] {
    let handle = try FileHandle(forReadingFrom: URL(filePath: path))
    try handle.seek(toOffset: UInt64(offset))
    return [UInt8](try handle.read(upToCount: count) ?? Data())
  }
}
