import Foundation

/// Gets a kernel, its modules and BusyBox from Debian's archive and makes the guest's files of them.
struct GuestFetch {
  let archive: PrivateArchive

  /// Fetches, builds and puts both files in their place; whatever happens, nothing partial is left.
  func run() throws {
    defer { archive.remove() }
    try archive.open()
    let kernel = try kernelPackage()
    let root = try archive.unpack(kernel.image)
    _ = try archive.unpack("busybox-static")
    let image = try kernelImage(in: root, package: kernel.image)
    if let modules = kernel.modules { _ = try archive.unpack(modules) }
    let busybox = root.appendingPathComponent("usr/bin/busybox")
    guard CacheFolder.has(busybox) else { throw FetchError.noFile("usr/bin/busybox", package: "busybox-static") }
    archive.progress.begin("initial RAM disk")
    let disk = InitialRAMDisk.build(
      busybox: [UInt8](try Data(contentsOf: busybox)), modules: try modules(in: root, package: kernel.image))
    try install(Data(contentsOf: image), as: CacheFolder.kernel)
    try install(Data(disk), as: CacheFolder.initrd)
    try install(Data(CacheFolder.guestFormat.utf8), as: CacheFolder.guestFormatFile)
    archive.progress.end()
  }

  /// linux-image-loong64 depends on the current version's image package, and that on those that hold the kernel and its
  /// modules; in older archives it holds both.
  private func kernelPackage() throws -> (image: String, modules: String?) {
    let meta = "linux-image-loong64"
    guard let image = try archive.dependencies(of: meta, startingWith: "linux-image-").first else {
      throw FetchError.noPackage(meta)
    }
    let binary = try archive.dependencies(of: image, startingWith: "linux-binary-").first
    return (binary ?? image, try archive.dependencies(of: image, startingWith: "linux-modules-").first)
  }

  /// The modules in usr/lib/modules/VERSION/kernel, or lib/modules/… in older packages.
  private func modules(in root: URL, package: String) throws -> ModuleTree {
    for folder in ["usr/lib/modules", "lib/modules"].map(root.appendingPathComponent) {
      let releases = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
      guard let release = releases.sorted().last else { continue }
      return try ModuleTree(release: release, in: folder.appendingPathComponent("\(release)/kernel"))
    }
    throw FetchError.noFile("usr/lib/modules", package: package)
  }

  /// usr/lib/modules/VERSION/vmlinuz, or boot/vmlinuz-VERSION in the layout of older packages.
  private func kernelImage(in root: URL, package: String) throws -> URL {
    let manager = FileManager.default
    let modules = root.appendingPathComponent("usr/lib/modules")
    let versions = (try? manager.contentsOfDirectory(at: modules, includingPropertiesForKeys: nil)) ?? []
    let boot = root.appendingPathComponent("boot")
    let older = (try? manager.contentsOfDirectory(at: boot, includingPropertiesForKeys: nil)) ?? []
    let candidates =
      versions.map { $0.appendingPathComponent("vmlinuz") }
      + older.filter { $0.lastPathComponent.hasPrefix("vmlinuz-") }
    guard let image = candidates.first(where: CacheFolder.has) else {
      throw FetchError.noFile("vmlinuz", package: package)
    }
    return image
  }

  /// Writes beside the target and renames, so that the target is never half a file.
  private func install(_ content: @autoclosure () throws -> Data, as target: URL) throws {
    let folder = target.deletingLastPathComponent()
    let partial = folder.appendingPathComponent(target.lastPathComponent + ".partial")
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try content().write(to: partial)
      try Interruption.check()
      guard rename(partial.path, target.path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    } catch {
      try? FileManager.default.removeItem(at: partial)
      throw GuestFetch.reason(error, target)
    }
  }

  static func reason(_ error: any Error, _ target: URL) -> any Error {
    guard let cocoa = error as? CocoaError, cocoa.code == .fileWriteOutOfSpace else { return error }
    return FetchError.diskFull(target.deletingLastPathComponent().path)
  }
}
