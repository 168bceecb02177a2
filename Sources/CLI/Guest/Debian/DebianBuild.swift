import Foundation

/// Builds Debian's disk images: fetches packages, puts them together, lets the guest finish the installation.
struct DebianBuild {
  let mirror: String
  let allowStale: Bool
  /// Size of the root file system in bytes.
  let size: UInt64
  /// What runs the second stage, given the image, which is in a folder of its own.
  let machine: (URL) throws -> SecondStage.Machine
  let progress = ProgressDisplay()

  /// Packages beyond Debian's required ones: what starts the system, its network and apt.
  static let packages = [
    "?essential", "?priority(required)", "apt", "dbus", "debian-archive-keyring", "dhcpcd",
    "e2fsprogs", "iproute2", "iputils-ping", "kmod", "netbase", "procps", "systemd-sysv", "udev",
  ]
  /// Certificates, whose installation takes long, only where apt needs them: else it trusts signatures alone.
  private var wanted: [String] { DebianBuild.packages + (mirror.hasPrefix("https:") ? ["ca-certificates"] : []) }
  private static let grubPackage = "grub-efi-loong64-unsigned"
  private static let grub = "usr/lib/grub/loongarch64-efi/monolithic/grubloongarch64.efi"

  private let work = CacheFolder.root.appendingPathComponent("building-debian")
  private func part(_ name: String) -> URL { work.appendingPathComponent(name) }

  /// Builds both images and puts them in their place; whatever happens, nothing partial is left.
  func run() throws {
    defer { try? FileManager.default.removeItem(at: work) }
    do {
      try? FileManager.default.removeItem(at: work)
      for name in ["control", "run"] {
        try FileManager.default.createDirectory(at: part(name), withIntermediateDirectories: true)
      }
      let image = DebianImage(tools: try tools(), folder: part("run"))
      let fileSystem = try firstStage(image)
      try secondStage(fileSystem.image, packages: fileSystem.packages)
      try finish(image, fileSystem.image)
    } catch {
      progress.abort()
      throw GuestFetch.reason(error, part("run"))
    }
  }

  private func archive(_ name: String, architecture: String) -> PrivateArchive {
    PrivateArchive(
      architecture: architecture, mirror: mirror, allowStale: allowStale, folder: part(name), progress: progress)
  }

  private func tools() throws -> PrivateRoot {
    let archive = archive("tools", architecture: PeerFetch.hostArchitecture)
    try archive.open()
    return try PrivateRoot(archive.unpackClosure(DebianImage.toolPackages), folder: part("run"))
  }

  /// Packages, unpacked and not configured, on a file system.
  private func firstStage(_ image: DebianImage) throws -> (image: URL, packages: Int) {
    let archive = archive("archive", architecture: "loong64")
    try archive.open()
    let packages = try archive.fetchClosure(wanted, as: "packages of Debian \(PrivateArchive.suite)")
    progress.begin("file system")
    let tree = part("tree.tar")
    let own = DebianFiles(mirror: mirror, allowStale: try archive.acceptsStale()).all
    let count = try compose(packages, own, into: tree)
    let made = try image.fileSystem(of: tree, size: size)
    try FileManager.default.removeItem(at: tree)
    progress.end()
    _ = try archive.unpack(DebianBuild.grubPackage)
    return (made, count)
  }

  private func compose(_ packages: [URL], _ own: [DebianFiles.File], into file: URL) throws -> Int {
    guard FileManager.default.createFile(atPath: file.path, contents: nil) else {
      throw FetchError.diskFull(work.path)
    }
    var tree = DebianTree(output: try FileHandle(forWritingTo: file))
    // base-files says which modes the system's folders have.
    let ordered = packages.filter(isBaseFiles) + packages.filter { !isBaseFiles($0) }
    for (index, package) in ordered.enumerated() {
      progress.update(Double(index * 80 / ordered.count))
      let (control, files) = (part("control/\(index)"), part("files.tar"))
      try unpack(package, ["--control", package.path, control.path], into: part("output"))
      try unpack(package, ["--fsys-tarfile", package.path], into: files)
      try tree.add(control: control, files: Data(contentsOf: files, options: .mappedIfSafe))
    }
    for file in own { try tree.addFile(file.path, file.content, mode: file.mode) }
    try tree.finish()
    return tree.packages.count
  }

  private func isBaseFiles(_ package: URL) -> Bool { package.lastPathComponent.hasPrefix("base-files_") }

  private func unpack(_ package: URL, _ arguments: [String], into output: URL) throws {
    let result = try HostProgram("dpkg-deb", arguments, folder: part("run")).run(into: output)
    try Interruption.check()
    guard result.status == 0 else {
      throw FetchError.from("dpkg-deb", output: result.errors, mirror: mirror, folder: work.path)
    }
  }

  /// The guest configures its packages. What it said is kept beside the images, each line behind its second.
  private func secondStage(_ image: URL, packages: Int) throws {
    progress.begin("second stage in the guest")
    let command = try machine(image)
    let log = CacheFolder.debian.appendingPathComponent("second-stage.log")
    try FileManager.default.createDirectory(at: CacheFolder.debian, withIntermediateDirectories: true)
    guard FileManager.default.createFile(atPath: log.path, contents: nil) else {
      throw FetchError.diskFull(CacheFolder.debian.path)
    }
    let said = try FileHandle(forWritingTo: log)
    let start = ContinuousClock.now
    var (steps, succeeded) = (0, false)
    let result = try HostProgram(command.program, command.arguments, folder: part("run"), environment: Self.environment)
      .run { (line: String) in
        let text = line.hasSuffix("\r") ? String(line.dropLast()) : line
        let seconds = (ContinuousClock.now - start).components.seconds
        try? said.write(contentsOf: Data("\(seconds)\t\(text)\n".utf8))
        if SecondStage.isStep(text) { steps += 1 }
        succeeded = succeeded || SecondStage.isSuccess(text)
        progress.update(Double(min(steps, packages) * 100 / max(packages, 1)))
      }
    try Interruption.check()
    guard succeeded && result.status == 0 else {
      try? said.write(contentsOf: Data(result.errors.utf8))
      throw FetchError.failed("the second stage", "what the guest said is in \(log.path)")
    }
    progress.end()
  }

  private static var environment: [String: String] {
    ProcessInfo.processInfo.environment.filter { ["HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"].contains($0.key) }
  }

  /// Renaming comes last, and the bootable disk first: it is what `atoll guest debian` looks for.
  private func finish(_ image: DebianImage, _ fileSystem: URL) throws {
    progress.begin("disk with GRUB")
    try image.check(fileSystem)
    let disk = try image.bootableDisk(
      of: fileSystem, grub: part("archive/root").appendingPathComponent(DebianBuild.grub), kernel: CacheFolder.kernel,
      initrd: CacheFolder.initrd)
    try Interruption.check()
    for (made, target) in [(disk, CacheFolder.debianDisk), (fileSystem, CacheFolder.debianRoot)] {
      guard rename(made.path, target.path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
    progress.end()
  }
}
