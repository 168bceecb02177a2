/// A cpio archive in the "new ASCII" format that Linux unpacks after the one before it in the same file
/// (Documentation/driver-api/early-userspace/buffer-format.rst).
enum RAMDisk {
  /// `base` and behind it an archive with these programs in /bench.
  static func appending(_ programs: [(name: String, content: [UInt8])], to base: [UInt8]) -> [UInt8] {
    var bytes = base
    pad(&bytes, to: 512)
    add(&bytes, "bench", mode: 0o040755, [])
    for program in programs { add(&bytes, "bench/\(program.name)", mode: 0o100755, program.content) }
    add(&bytes, "TRAILER!!!", mode: 0, [])
    return bytes
  }

  private static func add(_ bytes: inout [UInt8], _ name: String, mode: Int, _ content: [UInt8]) {
    // Inode 0 would make the kernel look for hard links only with more than one link: none here.
    let fields = [0, mode, 0, 0, 1, 0, content.count, 0, 0, 0, 0, name.utf8.count + 1, 0]
    bytes += Array("070701".utf8)
    for field in fields {
      let digits = String(field, radix: 16)
      bytes += Array((String(repeating: "0", count: 8 - digits.count) + digits).utf8)
    }
    bytes += Array(name.utf8) + [0]
    pad(&bytes, to: 4)
    bytes += content
    pad(&bytes, to: 4)
  }

  private static func pad(_ bytes: inout [UInt8], to multiple: Int) {
    while bytes.count % multiple != 0 { bytes.append(0) }
  }
}
