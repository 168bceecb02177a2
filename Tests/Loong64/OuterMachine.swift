import Foundation
import Testing

@testable import atoll

/// A LoongArch64 Linux host of its own: Atoll of this machine boots the fetched guest, in which the loong64 programs are.
///
/// The initial RAM disk gets a second archive with the programs and an init that makes a root of memory (the kernel's first
/// root cannot be pivoted away, which the sandboxes do), runs one script there and switches the machine off.
enum OuterMachine {
  private static let cache = Loong64Build.cache + "/guest"
  private static let programs =
    ProcessInfo.processInfo.environment["ATOLL_PROGRAMS"] ?? Loong64Build.root + "/.build-embedded/release"

  /// Why there is no such host here; nil if there is one.
  static let absence: String? = {
    if let absence = Loong64Build.absence { return absence }
    let needed = [programs + "/atoll-supervisor", cache + "/vmlinuz", cache + "/initramfs.cpio"]
    guard let missing = needed.first(where: { !FileManager.default.isReadableFile(atPath: $0) }) else { return nil }
    return "\(missing) is missing: `make embedded guest` provides it"
  }()

  private static let initScript = """
    #!/bin/busybox sh
    /bin/busybox mount -t tmpfs -o mode=755 tmpfs /newroot
    for folder in bin dev proc sys tmp; do /bin/busybox mkdir /newroot/$folder; done
    /bin/busybox cp /bin/busybox /newroot/bin/
    /bin/busybox cp -a /loong64 /newroot/
    /bin/busybox mount -t devtmpfs devtmpfs /newroot/dev
    /bin/busybox mount -t proc proc /newroot/proc
    /bin/busybox mount -t sysfs sysfs /newroot/sys
    exec /bin/busybox switch_root /newroot /loong64/script </newroot/dev/console >/newroot/dev/console 2>&1

    """

  /// Boots it with `files` in /loong64, beside bin/, and runs `script` in a shell that has BusyBox' commands. What came on the
  /// console.
  static func run(_ script: String, files: [String: [UInt8]]) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("atoll-loong64-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var disk = try Data(contentsOf: URL(fileURLWithPath: cache + "/initramfs.cpio"))
    disk.append(Data(repeating: 0, count: (4 - disk.count % 4) % 4))
    disk.append(Data(try archive(script, files)))
    try disk.write(to: folder.appendingPathComponent("initrd"))
    let document = """
      {"kernel": "\(cache)/vmlinuz", "initrd": "\(folder.path)/initrd", "memory": 1073741824, "vcpus": 2,
       "commandLine": "console=ttyS0 quiet rdinit=/loong64/init", "hypervisor": "soft"}
      """
    try Data(document.utf8).write(to: folder.appendingPathComponent("machine.json"))
    let result = try Loong64Build.run(
      programs + "/atoll-supervisor",
      ["--machine", folder.path + "/machine.json", "--control", folder.path + "/control"])
    #expect(result.status == 0, "\(result.errors)")
    return String(decoding: result.output.utf8.filter { $0 != 13 }, as: UTF8.self)
  }

  private static func archive(_ script: String, _ files: [String: [UInt8]]) throws -> [UInt8] {
    var archive = CPIOArchive()
    archive.addDirectory("loong64")
    archive.addDirectory("loong64/bin")
    for name in try FileManager.default.contentsOfDirectory(atPath: Loong64Build.programs).sorted() {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: Loong64Build.programs + "/" + name))
      archive.addFile("loong64/bin/" + name, Array(bytes), mode: 0o755)
    }
    for (name, bytes) in files { archive.addFile("loong64/" + name, bytes) }
    archive.addFile("loong64/init", Array(initScript.utf8), mode: 0o755)
    let prologue = "#!/bin/busybox sh\nexport PATH=/bin:/loong64/bin\nbusybox --install -s /bin\ncd /loong64\n"
    archive.addFile("loong64/script", Array((prologue + script + "\npoweroff -f\n").utf8), mode: 0o755)
    return archive.finish()
  }
}
