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

  /// The documents that people copy.
  static let examples = root.appendingPathComponent("Examples")

  private static let cache: String = {
    let environment = ProcessInfo.processInfo.environment
    return (environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache") + "/atoll/guest"
  }()
  static var kernel: String { cache + "/vmlinuz" }
  static var initrd: String { cache + "/initramfs.cpio" }
  /// UEFI, as `atoll guest fetch --firmware` gets it.
  static var firmwareCode: String { cache + "/../firmware/QEMU_EFI.fd" }
  static var firmwareVariables: String { cache + "/../firmware/QEMU_VARS.fd" }

  /// Whether everything is there.
  static let firmwareIsThere = [supervisor, firmwareCode, firmwareVariables].allSatisfy {
    FileManager.default.isReadableFile(atPath: $0)
  }
  static let areThere = [supervisor, kernel, initrd].allSatisfy { FileManager.default.isReadableFile(atPath: $0) }
}
