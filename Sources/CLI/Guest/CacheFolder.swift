import Foundation

/// Where fetched files are kept: $XDG_CACHE_HOME/atoll, or ~/.cache/atoll.
enum CacheFolder {
  /// The folder itself; not necessarily there yet.
  static var root: URL {
    let environment = ProcessInfo.processInfo.environment
    if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") {
      return URL(fileURLWithPath: cache).appendingPathComponent("atoll")
    }
    let home = environment["HOME"].map { URL(fileURLWithPath: $0) } ?? FileManager.default.homeDirectoryForCurrentUser
    return home.appendingPathComponent(".cache/atoll")
  }

  /// The guest's kernel.
  static var kernel: URL { root.appendingPathComponent("guest/vmlinuz") }
  /// The guest's initial RAM disk.
  static var initrd: URL { root.appendingPathComponent("guest/initramfs.cpio") }
  /// QEMU's user-mode emulators for this host.
  static var qemuUser: URL { root.appendingPathComponent("qemu-user") }
  /// QEMU's system emulator with all that it needs.
  static var qemuSystem: URL { root.appendingPathComponent("qemu-system") }

  /// Whether a file is there and not empty.
  static func has(_ file: URL) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
    return (attributes?[.size] as? Int ?? 0) > 0
  }
}
