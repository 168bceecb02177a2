import ArgumentParser
import Foundation

/// `atoll guest …`
struct GuestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guest", abstract: "Gets files for guests.", subcommands: [GuestFetchCommand.self])
}

/// `atoll guest fetch`
struct GuestFetchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fetch",
    abstract: "Gets a kernel and BusyBox from Debian's archive and builds an initial RAM disk.",
    discussion: """
      Uses apt with lists, cache and sources of its own: the system's are left alone and no privileges are needed. \
      Signatures are verified with debian-archive-keyring. Files go to $XDG_CACHE_HOME/atoll; what is there already is \
      not fetched again unless --refresh is given.
      """)

  @Option(help: "Where Debian's archive is.") var mirror = "http://deb.debian.org/debian"
  @Flag(help: "Accept lists past their Valid-Until date, for this fetch; signatures are still verified.")
  var allowStaleArchive = false
  @Flag(help: "Fetch again what is there already.") var refresh = false
  @Flag(help: "Get QEMU's user-mode emulators instead, for the differential tests.") var qemuUser = false
  @Flag(help: "Get QEMU's system emulator instead, in a private root, for the benchmark.") var qemuSystem = false

  func validate() throws {
    if qemuUser && qemuSystem { throw ValidationError("choose one of --qemu-user and --qemu-system") }
    guard mirror.hasPrefix("http://") || mirror.hasPrefix("https://") || mirror.hasPrefix("file:/") else {
      throw ValidationError("--mirror must be an http, https or file address")
    }
    if mirror.contains(where: { $0.isWhitespace || $0 == "]" }) {
      throw ValidationError("--mirror must not contain spaces")
    }
  }

  func run() throws {
    if qemuUser {
      let program = CacheFolder.qemuUser.appendingPathComponent("usr/bin/qemu-loongarch64")
      try fetch("qemu-user", unless: [program]) { try PeerFetch(archive: $0).user() }
    } else if qemuSystem {
      let script = CacheFolder.qemuSystem.appendingPathComponent("run")
      try fetch("qemu-system", unless: [script]) { try PeerFetch(archive: $0).system() }
    } else {
      let files = [CacheFolder.kernel, CacheFolder.initrd]
      try fetch("guest", unless: files) { try GuestFetch(archive: $0).run() }
    }
  }

  /// Does `work` unless its `results` are there; prints where they are.
  private func fetch(_ what: String, unless results: [URL], _ work: (PrivateArchive) throws -> Void) throws {
    if refresh || !results.allSatisfy(CacheFolder.has) {
      Interruption.watch()
      try work(archive(for: what))
    }
    for result in results { print(result.path) }
  }

  private func archive(for what: String) -> PrivateArchive {
    PrivateArchive(
      architecture: qemuUser || qemuSystem ? PeerFetch.hostArchitecture : "loong64", mirror: mirror,
      allowStale: allowStaleArchive, folder: CacheFolder.root.appendingPathComponent("fetching-\(what)"),
      progress: ProgressDisplay())
  }
}
