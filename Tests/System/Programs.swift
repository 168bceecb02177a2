import Foundation

/// What the tests of this folder run: the Embedded release build and the fetched guest. `make test` provides both; without
/// them the tests are skipped.
enum Programs {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// Folder of the Embedded programs.
  static let folder = ProcessInfo.processInfo.environment["ATOLL_PROGRAMS"] ?? root.path + "/.build-embedded/release"
  static var supervisor: String { folder + "/atoll-supervisor" }
  /// The command itself, of the ordinary release build.
  static let command = ProcessInfo.processInfo.environment["ATOLL_COMMAND"] ?? root.path + "/.build/release/atoll"

  private static let cache: String = {
    let environment = ProcessInfo.processInfo.environment
    return (environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache") + "/atoll/guest"
  }()
  static var kernel: String { cache + "/vmlinuz" }
  static var initrd: String { cache + "/initramfs.cpio" }

  /// Whether everything is there.
  static let areThere = [supervisor, kernel, initrd].allSatisfy { FileManager.default.isReadableFile(atPath: $0) }
}
