import Foundation

/// What the image holds besides packages.
struct DebianFiles {
  /// Where the guest takes packages from.
  let mirror: String
  /// Its lists may be past their Valid-Until date.
  let allowStale: Bool

  /// The label of the root file system.
  static let label = "debian"
  /// The program that the guest's kernel starts the first time.
  static let secondStage = "usr/lib/atoll/second-stage"

  typealias File = (path: String, content: String, mode: Int)

  /// Every file.
  var all: [File] {
    [
      ("etc/hostname", "atoll\n", 0o644),
      ("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 atoll\n::1 localhost ip6-localhost ip6-loopback\n", 0o644),
      ("etc/fstab", "LABEL=\(DebianFiles.label) / ext4 defaults,errors=remount-ro 0 1\n", 0o644),
      ("etc/apt/sources.list.d/debian.sources", sources, 0o644),
      ("etc/apt/apt.conf.d/90atoll", aptConfiguration, 0o644),
      ("etc/systemd/system.conf.d/atoll.conf", DebianFiles.patience, 0o644),
      // Found empty by systemd, which then gives each copy of the image an identity of its own.
      ("etc/machine-id", "", 0o444),
      // Services are not started while packages are configured; goes away with the second stage.
      ("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755),
      (DebianFiles.secondStage, SecondStage.script, 0o755),
    ]
  }

  /// systemd's limits are made for processors that are ten times as fast, and a host may have other work as well.
  private static let patience = """
    [Manager]
    DefaultDeviceTimeoutSec=15min
    DefaultTimeoutStartSec=15min
    DefaultTimeoutStopSec=5min

    """

  /// deb822 style (sources.list(5)).
  private var sources: String {
    """
    Types: deb
    URIs: \(DebianFiles.guestMirror(mirror))
    Suites: \(PrivateArchive.suite)
    Components: main
    Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp

    """
  }

  private var aptConfiguration: String {
    let stale =
      "// The image was built where lists past their Valid-Until date are accepted.\nAcquire::Check-Valid-Until \"false\";\n"
    return """
      // Translated descriptions are as large as the lists themselves.
      Acquire::Languages "none";

      """ + (allowStale ? stale : "")
  }

  /// The mirror as the guest reaches it: behind `--net user` the host itself is 10.0.2.2. A folder of the host's is out of
  /// its reach.
  static func guestMirror(_ mirror: String) -> String {
    guard mirror.hasPrefix("http"), var address = URLComponents(string: mirror) else {
      return "http://deb.debian.org/debian"
    }
    if ["localhost", "127.0.0.1", "[::1]", "::1"].contains(address.host ?? "") { address.host = "10.0.2.2" }
    return address.string ?? mirror
  }
}
