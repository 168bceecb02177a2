import ArgumentParser
import Foundation

/// `atoll guest …`
struct GuestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guest", abstract: "Gets files for guests.",
    subcommands: [GuestFetchCommand.self, GuestDebianCommand.self])
}

/// `atoll guest fetch`
struct GuestFetchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fetch",
    abstract: "Gets a kernel, its modules and BusyBox from Debian's archive and builds an initial RAM disk.",
    discussion: """
      Uses apt with lists, cache and sources of its own: the system's are left alone and no privileges are needed. \
      Signatures are verified with debian-archive-keyring. Files go to $XDG_CACHE_HOME/atoll; what is there already is \
      not fetched again unless --refresh is given.
      """)

  @OptionGroup var archive: ArchiveOptions
  @Flag(help: "Fetch again what is there already.") var refresh = false
  @Flag(help: "Get QEMU's user-mode emulators instead, for the differential tests.") var qemuUser = false
  @Flag(help: "Get QEMU's system emulator instead, in a private root, for the benchmark.") var qemuSystem = false
  @Flag(help: "Get UEFI for guests instead, for --firmware.") var firmware = false
  @Flag(help: "Get virtiofsd, qemu-storage-daemon, passt and vhost-device-vsock instead, in a private root.")
  var vhostUser = false
  @Flag(help: "Get Linux's headers instead, with which the tests compare KVM's numbers.") var kernelHeaders = false

  func validate() throws {
    guard [qemuUser, qemuSystem, vhostUser, firmware, kernelHeaders].filter({ $0 }).count <= 1 else {
      throw ValidationError(
        "choose one of --qemu-user, --qemu-system, --vhost-user, --firmware and --kernel-headers")
    }
  }

  func run() throws {
    if qemuUser {
      let program = CacheFolder.qemuUser.appendingPathComponent("usr/bin/qemu-loongarch64")
      try fetch("qemu-user", unless: [program]) { try PeerFetch(archive: $0).user() }
    } else if qemuSystem {
      let script = CacheFolder.qemuSystem.appendingPathComponent("run")
      try fetch("qemu-system", unless: [script]) { try PeerFetch(archive: $0).system() }
    } else if firmware {
      let files = PeerFetch.firmwareFiles.map { CacheFolder.firmware.appendingPathComponent($0) }
      try fetch("firmware", unless: files) { try PeerFetch(archive: $0).firmware() }
    } else if vhostUser {
      let programs = PeerFetch.backEndPrograms.map { CacheFolder.vhostUser.appendingPathComponent($0) }
      try fetch("vhost-user", unless: programs) { try PeerFetch(archive: $0).backEnds() }
    } else if kernelHeaders {
      let header = CacheFolder.kernelHeaders.appendingPathComponent(PeerFetch.kernelHeader)
      try fetch("kernel-headers", unless: [header]) { try PeerFetch(archive: $0).kernelHeaders() }
    } else {
      let files = [CacheFolder.kernel, CacheFolder.initrd]
      try fetch("guest", unless: files, complete: CacheFolder.hasGuest) { try GuestFetch(archive: $0).run() }
    }
  }

  /// Does `work` unless its `results` are there, all of them `complete`; prints where they are.
  private func fetch(
    _ what: String, unless results: [URL], complete: Bool = true, _ work: (PrivateArchive) throws -> Void
  ) throws {
    if refresh || !complete || !results.allSatisfy(CacheFolder.has) {
      Interruption.watch()
      try work(privateArchive(for: what))
    }
    for result in results { print(result.path) }
  }

  private func privateArchive(for what: String) -> PrivateArchive {
    PrivateArchive(
      architecture: qemuUser || qemuSystem || vhostUser ? PeerFetch.hostArchitecture : "loong64",
      mirror: archive.mirror,
      allowStale: archive.allowStaleArchive, folder: CacheFolder.root.appendingPathComponent("fetching-\(what)"),
      progress: ProgressDisplay())
  }
}
