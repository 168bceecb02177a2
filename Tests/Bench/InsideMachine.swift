import Foundation

/// A machine whose block back-end is a thread of the VMM: for the bench alone, to see what a process of its own costs.
///
/// The supervisor starts `atoll-vmm-inside` in the VMM's place, from a folder of links, and meets the back-end at a socket as
/// it would meet somebody else's. The thread needs files, so that this machine has no sandbox.
enum InsideMachine {
  static func start(_ setup: Setup, file: String, initrd: String) throws -> AtollMachine {
    let folder = "\(setup.folder)/inside"
    let socket = "\(folder)/block.sock"
    try link(setup, folder)
    try "\(socket)\n\(file)\n".write(toFile: "\(folder)/inside.conf", atomically: false, encoding: .utf8)
    return try AtollMachine(
      setup, initrd: initrd, programs: folder,
      more: ["--insecure-no-sandbox", "--vhost-user-block", "socket=\(socket)", "--rng"])
  }

  /// All programs as links, the VMM as a copy of the variant: it finds its settings beside itself.
  private static func link(_ setup: Setup, _ folder: String) throws {
    let manager = FileManager.default
    let programs = setup.programs ?? setup.embedded
    try manager.createDirectory(atPath: folder, withIntermediateDirectories: false)
    for name in try manager.contentsOfDirectory(atPath: programs) where name.hasPrefix("atoll-") {
      guard !name.contains("."), name != "atoll-vmm", name != "atoll-vmm-inside" else { continue }
      try manager.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: "\(programs)/\(name)")
    }
    let variant = "\(programs)/atoll-vmm-inside"
    guard manager.isExecutableFile(atPath: variant) else {
      throw BenchFailure("\(variant) is missing: run `make bench`, which makes it")
    }
    try manager.copyItem(atPath: variant, toPath: "\(folder)/atoll-vmm")
  }
}
