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
  /// What the initial RAM disk holds; one of another format is made again.
  static let guestFormat = "2: with kernel modules\n"
  /// Says which format the guest's files have.
  static var guestFormatFile: URL { root.appendingPathComponent("guest/format") }
  /// Whether the guest's files are there, and as this program makes them.
  static var hasGuest: Bool {
    let format = try? String(contentsOf: guestFormatFile, encoding: .utf8)
    return has(kernel) && has(initrd) && format == guestFormat
  }

  /// UEFI for guests: its code, which is never written, and blank variables to copy.
  static var firmware: URL { root.appendingPathComponent("firmware") }

  /// Disk images with Debian, and what the guest said where building them failed.
  static var debian: URL { root.appendingPathComponent("debian") }
  /// Debian's root file system, ext4.
  static var debianRoot: URL { debian.appendingPathComponent("debian.ext4") }
  /// The same on a disk that UEFI starts.
  static var debianDisk: URL { debian.appendingPathComponent("debian-efi.img") }

  /// QEMU's user-mode emulators for this host.
  static var qemuUser: URL { root.appendingPathComponent("qemu-user") }
  /// QEMU's system emulator with all that it needs.
  static var qemuSystem: URL { root.appendingPathComponent("qemu-system") }
  /// vhost-user back-ends that others have written, with all that they need.
  static var vhostUser: URL { root.appendingPathComponent("vhost-user") }

  /// Linux's headers for programs.
  static var kernelHeaders: URL { root.appendingPathComponent("kernel-headers") }

  /// Whether a file is there and not empty.
  static func has(_ file: URL) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
    return (attributes?[.size] as? Int ?? 0) > 0
  }
}
