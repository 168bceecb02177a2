import Foundation

/// Why a fetch failed; `description` is one sentence for a person.
enum FetchError: Error, CustomStringConvertible, Equatable {
  /// A program of the host is missing.
  case noProgram(String)
  /// The archive's keyring is missing.
  case noKeyring
  /// The mirror cannot be reached.
  case noNetwork(String)
  /// The mirror is there, but not with this suite.
  case noArchive(String)
  /// The mirror's lists are past their Valid-Until.
  case expired
  /// A signature is missing or wrong.
  case badSignature
  /// The file system is full.
  case diskFull(String)
  /// The archive has no such package.
  case noPackage(String)
  /// A package lacks a file that it should hold.
  case noFile(String, package: String)
  /// A person pressed Ctrl-C, or a signal came.
  case interrupted(Int32)
  /// Anything else that a program said.
  case failed(String, String)

  var description: String {
    switch self {
    case .noProgram(let name): "\(name) is not installed: guest files are fetched with Debian's apt and dpkg"
    case .noKeyring:
      "/usr/share/keyrings/debian-archive-keyring.gpg is missing: install the package debian-archive-keyring"
    case .noNetwork(let mirror): "\(mirror) cannot be reached: check the network, or name another mirror with --mirror"
    case .noArchive(let mirror): "there is no archive of Debian \(PrivateArchive.suite) at \(mirror)"
    case .expired:
      "the mirror's lists are past their Valid-Until date: use another --mirror, or accept them with --allow-stale-archive"
    case .badSignature: "the mirror's lists are not signed by Debian's archive key; nothing was fetched"
    case .diskFull(let folder): "no space is left in \(folder); partial files were removed"
    case .noPackage(let name): "the archive has no package \(name)"
    case .noFile(let name, let package): "the package \(package) holds no \(name)"
    case .interrupted: "the fetch was interrupted; partial files were removed"
    case .failed(let program, let words): "\(program) failed: \(words)"
    }
  }

  /// Finds the reason in what apt or dpkg-deb wrote.
  static func from(_ program: String, output: String, mirror: String, folder: String) -> FetchError {
    func says(_ words: String...) -> Bool { words.contains { output.contains($0) } }
    if says("No space left on device", "Disk quota exceeded", "enough free space") { return .diskFull(folder) }
    if says("is expired", "is not valid yet", "Valid-Until") { return .expired }
    if says("does not have a Release file") { return .noArchive(mirror) }
    if says("is not signed", "NO_PUBKEY", "BADSIG", "EXPKEYSIG", "signatures were invalid", "verify signature") {
      return .badSignature
    }
    if says(
      "Could not resolve", "Could not connect", "Cannot initiate", "Unable to connect", "Connection failed",
      "Connection timed out", "Network is unreachable", "Failed to fetch")
    {
      return .noNetwork(mirror)
    }
    let lines = output.split(separator: "\n").map(String.init)
    return .failed(program, lines.last { $0.hasPrefix("E:") } ?? lines.last ?? "it gave no reason")
  }
}
