import Foundation

/// Gets from the same archive what Atoll is compared with: QEMU, for the host's architecture, and what else there is.
struct PeerFetch {
  let archive: PrivateArchive

  /// The user-mode emulators: static programs that run on any Debian.
  func user() throws {
    defer { archive.remove() }
    try archive.open()
    let root = try archive.unpack("qemu-user")
    guard CacheFolder.has(root.appendingPathComponent("usr/bin/qemu-loongarch64")) else {
      throw FetchError.noFile("qemu-loongarch64", package: "qemu-user")
    }
    try PeerFetch.move(root, to: CacheFolder.qemuUser)
  }

  /// UEFI for loong64 guests, which is the same on every host.
  func firmware() throws {
    defer { archive.remove() }
    try archive.open()
    let root = try archive.unpack("qemu-efi-loongarch64").appendingPathComponent("usr/share/qemu-efi-loongarch64")
    for file in PeerFetch.firmwareFiles where !CacheFolder.has(root.appendingPathComponent(file)) {
      throw FetchError.noFile(file, package: "qemu-efi-loongarch64")
    }
    try PeerFetch.move(root, to: CacheFolder.firmware)
  }

  /// Linux's headers for programs, of every architecture: what the kernel's KVM of LoongArch is compared with.
  func kernelHeaders() throws {
    defer { archive.remove() }
    try archive.open()
    let root = try archive.unpack("linux-libc-dev")
    guard CacheFolder.has(root.appendingPathComponent(PeerFetch.kernelHeader).resolvingSymlinksInPath()) else {
      throw FetchError.noFile(PeerFetch.kernelHeader, package: "linux-libc-dev")
    }
    try PeerFetch.move(root, to: CacheFolder.kernelHeaders)
  }

  /// The one that stands for all.
  static let kernelHeader = "usr/include/loongarch64-linux-gnu/asm/kvm.h"

  /// Code and variables, in this order.
  static let firmwareFiles = ["QEMU_EFI.fd", "QEMU_VARS.fd"]

  /// The system emulator with every library that it needs, the C library included, and UEFI for its guests; run by the script `run` beside them.
  func system() throws {
    defer { archive.remove() }
    try archive.open()
    let root = try archive.unpackClosure(["qemu-system-misc", "qemu-efi-loongarch64"])
    let program = "usr/bin/qemu-system-loongarch64"
    guard CacheFolder.has(root.appendingPathComponent(program)) else {
      throw FetchError.noFile(program, package: "qemu-system-misc")
    }
    let script = root.appendingPathComponent("run")
    try PeerFetch.launcher(program, in: root).write(to: script, atomically: false, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script.path)
    try PeerFetch.move(root, to: CacheFolder.qemuSystem)
  }

  /// vhost-user back-ends that others have written, with every library that they need, the C library included: Debian 12's are
  /// too old. What runs them shows them this folder as their root.
  func backEnds() throws {
    defer { archive.remove() }
    try archive.open()
    let root = try archive.unpackClosure(["virtiofsd", "qemu-utils", "passt", "vhost-device-vsock"])
    for program in PeerFetch.backEndPrograms where !CacheFolder.has(root.appendingPathComponent(program)) {
      throw FetchError.noFile(program, package: "one of virtiofsd, qemu-utils, passt, vhost-device-vsock")
    }
    try PeerFetch.move(root, to: CacheFolder.vhostUser)
  }

  /// Where those programs are in their folder.
  static let backEndPrograms = [
    "usr/libexec/virtiofsd", "usr/bin/qemu-storage-daemon", "usr/bin/passt", "usr/bin/vhost-device-vsock",
  ]

  /// A script that runs `program` with the root's own loader and libraries: the host's may be older.
  private static func launcher(_ program: String, in root: URL) throws -> String {
    let parts = try PrivateRoot.parts(of: root)
    let libraries = parts.libraries.map { "$root/\($0)" }.joined(separator: ":")
    return """
      #!/bin/sh
      root=$(dirname "$(readlink -f "$0")")
      exec "$root/\(parts.loader)" --library-path "\(libraries)" "$root/\(program)" \
      -L "$root/usr/share/qemu" "$@"

      """
  }

  private static func move(_ root: URL, to target: URL) throws {
    try? FileManager.default.removeItem(at: target)
    try FileManager.default.moveItem(at: root, to: target)
  }

  /// Debian's name of this host's architecture.
  static var hostArchitecture: String {
    #if arch(x86_64)
      "amd64"
    #elseif arch(arm64)
      "arm64"
    #elseif arch(riscv64)
      "riscv64"
    #else
      "unknown"
    #endif
  }
}
