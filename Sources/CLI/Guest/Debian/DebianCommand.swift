import ArgumentParser
import Foundation

/// `atoll guest debian`
struct GuestDebianCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "debian",
    abstract: "Builds disk images with Debian 14.",
    discussion: """
      Packages come from Debian's archive through apt with lists, cache and sources of its own, signatures verified. They \
      are put on an ext4 file system without privileges, and configured by dpkg in the guest itself. debian.ext4 is a root \
      file system for the kernel of `atoll guest fetch`, debian-efi.img the same behind GRUB for UEFI. root has no \
      password. Files go to $XDG_CACHE_HOME/atoll/debian; what is there already is not built again without --refresh.
      """)

  @OptionGroup var archive: ArchiveOptions
  @Flag(help: "Build again what is there already; the guest's changes to it are lost.") var refresh = false
  @Option(help: "Size of the root file system.") var size = ByteCount(bytes: 2 << 30)
  @Flag(help: "Let the QEMU of `atoll guest fetch --qemu-system` run the second stage, to compare.")
  var qemu = false

  func validate() throws {
    guard (1 << 30)...(1 << 44) ~= size.bytes, size.bytes % (1 << 20) == 0 else {
      throw ValidationError("--size must be whole MiB between 1G and 16T")
    }
  }

  func run() throws {
    let results = [CacheFolder.debianRoot, CacheFolder.debianDisk]
    if refresh || !results.allSatisfy(CacheFolder.has) {
      guard CacheFolder.hasGuest else {
        throw CommandFailure("the second stage needs a kernel: run `atoll guest fetch` first")
      }
      Interruption.watch()
      let machine = qemu ? SecondStage.qemu : SecondStage.atoll
      try DebianBuild(
        mirror: archive.mirror, allowStale: archive.allowStaleArchive, size: size.bytes, machine: machine
      ).run()
    }
    for result in results { print(result.path) }
  }
}

/// Where packages come from.
struct ArchiveOptions: ParsableArguments {
  @Option(help: "Where Debian's archive is.") var mirror = "http://deb.debian.org/debian"
  @Flag(help: "Accept lists past their Valid-Until date, for this fetch; signatures are still verified.")
  var allowStaleArchive = false

  func validate() throws {
    guard mirror.hasPrefix("http://") || mirror.hasPrefix("https://") || mirror.hasPrefix("file:/") else {
      throw ValidationError("--mirror must be an http, https or file address")
    }
    if mirror.contains(where: { $0.isWhitespace || $0 == "]" }) {
      throw ValidationError("--mirror must not contain spaces")
    }
  }
}
