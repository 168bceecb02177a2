import Control
import Foundation

/// Which disk of a machine is meant to be its root, when its user has not said so.
enum RootDisk {
  /// The volume label that `atoll guest debian` gives the file systems it makes.
  private static let label = "debian"

  /// `root=LABEL=debian` if a disk of the machine holds that file system and the kernel's command line names no root; else "".
  static func parameter(for machine: MachineDescription) -> String {
    let words = machine.commandLine.split(separator: " ")
    guard !words.contains(where: { $0.hasPrefix("root=") || $0.hasPrefix("rdinit=") }) else { return "" }
    for device in machine.devices {
      if case .block(let block) = device.kind, isRoot(block.path) { return " root=LABEL=\(label)" }
    }
    return ""
  }

  /// Looks into the superblock: magic at 1024 + 0x38, label at 1024 + 0x78 (Linux, Documentation/filesystems/ext4/super.rst).
  private static func isRoot(_ path: String) -> Bool {
    guard let file = FileHandle(forReadingAtPath: path) else { return false }
    defer { try? file.close() }
    guard (try? file.seek(toOffset: 1024)) != nil, let block = try? file.read(upToCount: 0x88), block.count == 0x88 else {
      return false
    }
    let bytes = [UInt8](block)
    return bytes[0x38] == 0x53 && bytes[0x39] == 0xef && bytes[0x78..<0x88].prefix { $0 != 0 }.elementsEqual(label.utf8)
  }
}
