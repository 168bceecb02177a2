import Foundation

/// Makes disk images with the tools of a private root: nothing is mounted, and no privilege is needed.
struct DebianImage {
  let tools: PrivateRoot
  /// The folder of unfinished images.
  let folder: URL

  /// What `tools` is unpacked from: mke2fs reads an archive of files (with libarchive) from version 1.47.1 on, which is
  /// newer than Debian 12's.
  static let toolPackages = ["e2fsprogs", "libarchive13t64", "mtools", "gdisk"]

  /// Start and size of the EFI system partition, and start of the root's, in MiB.
  private static let bootStart = 1
  private static let bootSize = 63
  private static let rootStart = bootStart + bootSize

  /// An ext4 file system of `size` bytes with what the archive `tree` holds.
  func fileSystem(of tree: URL, size: UInt64) throws -> URL {
    let image = folder.appendingPathComponent("debian.ext4")
    // Tables and journal are sparse in a new file: nothing is left for the guest's kernel to initialise.
    try tools.run(
      "usr/sbin/mke2fs",
      [
        "-q", "-F", "-t", "ext4", "-L", DebianFiles.label, "-m", "1", "-J", "size=16",
        "-E", "lazy_itable_init=0,lazy_journal_init=0", "-d", tree.path, image.path, "\(size >> 10)k",
      ])
    return image
  }

  /// Fails unless the file system is whole.
  func check(_ image: URL) throws { try tools.run("usr/sbin/e2fsck", ["-f", "-n", image.path]) }

  /// A disk that UEFI starts: a GPT with an EFI system partition, on which are GRUB, the kernel and the initial RAM disk,
  /// and behind it a copy of the file system.
  func bootableDisk(of fileSystem: URL, grub: URL, kernel: URL, initrd: URL) throws -> URL {
    let disk = folder.appendingPathComponent("debian-efi.img")
    let size = try FileManager.default.attributesOfItem(atPath: fileSystem.path)[.size] as? UInt64 ?? 0
    let total = UInt64(DebianImage.rootStart + 1) << 20 + size
    guard FileManager.default.createFile(atPath: disk.path, contents: nil) else {
      throw FetchError.diskFull(folder.path)
    }
    try FileHandle(forWritingTo: disk).truncate(atOffset: total)
    try partition(disk)
    try fill(disk, [grub, kernel, initrd])
    try copy(fileSystem, into: disk)
    return disk
  }

  private func partition(_ disk: URL) throws {
    let types = [
      "--typecode=1:ef00", "--change-name=1:EFI", "--typecode=2:8305", "--change-name=2:\(DebianFiles.label)",
    ]
    try tools.run(
      "usr/sbin/sgdisk",
      ["--clear", "--new=1:\(DebianImage.bootStart)M:+\(DebianImage.bootSize)M", "--new=2:\(DebianImage.rootStart)M:0"]
        + types + [disk.path])
  }

  /// FAT on the first partition, with GRUB, kernel and initial RAM disk in this order, by mtools.
  private func fill(_ disk: URL, _ files: [URL]) throws {
    let place = "\(disk.path)@@\(DebianImage.bootStart)M"
    let sectors = "\(DebianImage.bootSize << 11)"
    try tools.run("usr/bin/mformat", ["-i", place, "-T", sectors, "-h", "64", "-s", "32", "-F", "-v", "EFI", "::"])
    try tools.run("usr/bin/mmd", ["-i", place, "::/EFI", "::/EFI/BOOT", "::/EFI/debian"])
    let menu = folder.appendingPathComponent("grub.cfg")
    try Data(DebianImage.menu.utf8).write(to: menu)
    let names = ["/EFI/BOOT/BOOTLOONGARCH64.EFI", "/vmlinuz", "/initramfs.cpio", "/EFI/debian/grub.cfg"]
    for (file, name) in zip(files + [menu], names) {
      try tools.run("usr/bin/mcopy", ["-i", place, file.path, "::\(name)"])
    }
  }

  /// The holes of the file system stay holes.
  private func copy(_ fileSystem: URL, into disk: URL) throws {
    let result = try HostProgram(
      "dd",
      [
        "if=\(fileSystem.path)", "of=\(disk.path)", "bs=1M", "seek=\(DebianImage.rootStart)", "conv=sparse,notrunc",
        "status=none",
      ], folder: folder
    ).run(progress: { _ in })
    try Interruption.check()
    guard result.status == 0 else {
      throw FetchError.from("dd", output: result.errors, mirror: "", folder: folder.path)
    }
  }

  /// GRUB's menu; Debian's GRUB looks for it in /EFI/debian of the partition that it came from.
  static let menu = """
    set timeout=2
    menuentry "Debian" {
      linux /vmlinuz root=LABEL=\(DebianFiles.label) console=ttyS0
      initrd /initramfs.cpio
    }

    """
}
