import Foundation

/// Debian's archive for one architecture, seen through apt with lists, cache, state and sources of its own: the system's
/// sources are neither read nor changed, no privileges are needed, and apt checks every signature.
struct PrivateArchive {
  let architecture: String
  let mirror: String
  /// Lists past their Valid-Until are accepted; signatures are checked all the same.
  let allowStale: Bool
  /// Where apt's files and the packages live until `remove`.
  let folder: URL
  let progress: ProgressDisplay

  static let suite = "forky"
  private static let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

  /// Makes the folder and apt's configuration, and fetches the lists.
  func open() throws {
    guard FileManager.default.fileExists(atPath: PrivateArchive.keyring) else { throw FetchError.noKeyring }
    try writing {
      try? FileManager.default.removeItem(at: folder)
      for path in ["lists/partial", "cache/archives/partial", "packages", "root"] {
        let directory = folder.appendingPathComponent(path)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      }
      try sources.write(to: folder.appendingPathComponent("sources.list"), atomically: false, encoding: .utf8)
      try configuration.write(to: folder.appendingPathComponent("apt.conf"), atomically: false, encoding: .utf8)
      try Data().write(to: folder.appendingPathComponent("status"))
    }
    progress.begin("package lists of Debian \(PrivateArchive.suite) for \(architecture)")
    _ = try run("apt-get", ["update"])
    progress.end()
  }

  /// Removes all of it.
  func remove() { try? FileManager.default.removeItem(at: folder) }

  private var sources: String {
    "deb [arch=\(architecture) signed-by=\(PrivateArchive.keyring)] \(mirror) \(PrivateArchive.suite) main\n"
  }

  private var configuration: String {
    """
    Dir::State "\(folder.path)";
    Dir::State::lists "\(folder.path)/lists";
    Dir::State::status "\(folder.path)/status";
    Dir::Cache "\(folder.path)/cache";
    Dir::Log "\(folder.path)";
    Dir::Etc::sourcelist "\(folder.path)/sources.list";
    Dir::Etc::sourceparts "-";
    APT::Architecture "\(architecture)";
    APT::Architectures { "\(architecture)"; };
    APT::Sandbox::User "root";
    APT::Update::Error-Mode "any";
    APT::Status-Fd "1";
    Acquire::Languages "none";
    Acquire::Retries "2";
    Acquire::Check-Valid-Until "\(allowStale ? "false" : "true")";
    Debug::NoLocking "1";

    """
  }

  /// Whether apt accepts lists past their Valid-Until date here, be it that the host's own settings say so.
  func acceptsStale() throws -> Bool {
    try run("apt-config", ["shell", "CHECK", "Acquire::Check-Valid-Until/b"]).contains("false")
  }

  /// The packages that `package` depends on and whose names start with `prefix`.
  func dependencies(of package: String, startingWith prefix: String) throws -> [String] {
    let output = try run("apt-cache", ["depends", package])
    return output.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.count == 2, words[0].hasSuffix("Depends:"), words[1].hasPrefix(prefix) else { return nil }
      return String(words[1])
    }
  }

  /// Fetches one package and unpacks it; returns the folder of its files.
  func unpack(_ package: String) throws -> URL {
    progress.begin(package)
    _ = try run("apt-get", ["download", package])
    return try unpackFetched(from: folder.appendingPathComponent("packages"))
  }

  /// Fetches packages with all that they depend on, down to the C library, and unpacks everything into one folder.
  func unpackClosure(_ packages: [String]) throws -> URL {
    _ = try fetchClosure(packages, as: "\(packages[0]) and what it depends on")
    progress.begin("unpacking")
    return try unpackFetched(from: folder.appendingPathComponent("cache/archives"))
  }

  /// Fetches packages, which apt's patterns can name too, with all that they depend on; the files, in a person's words
  /// `what`.
  func fetchClosure(_ packages: [String], as what: String) throws -> [URL] {
    progress.begin(what)
    _ = try run("apt-get", ["install", "-y", "--download-only", "--no-install-recommends"] + packages)
    let cache = folder.appendingPathComponent("cache/archives")
    let files = try FileManager.default.contentsOfDirectory(at: cache, includingPropertiesForKeys: nil)
    progress.end()
    return files.filter { $0.pathExtension == "deb" }.sorted { $0.lastPathComponent < $1.lastPathComponent }
  }

  private func unpackFetched(from source: URL) throws -> URL {
    let root = folder.appendingPathComponent("root")
    let files = try FileManager.default.contentsOfDirectory(at: source, includingPropertiesForKeys: nil)
    let packages = files.filter { $0.pathExtension == "deb" }
    for package in packages {
      _ = try run("dpkg-deb", ["-x", package.path, root.path])
      try FileManager.default.removeItem(at: package)
    }
    progress.end()
    return root
  }

  /// Runs a program of the host to its end; its standard output without apt's progress lines.
  private func run(_ program: String, _ arguments: [String]) throws -> String {
    try Interruption.check()
    let child = HostProgram(
      program, arguments, folder: folder.appendingPathComponent("packages"),
      environment: ["APT_CONFIG": folder.appendingPathComponent("apt.conf").path])
    let result = try child.run(progress: { progress.update($0) })
    do {
      try Interruption.check()
      guard result.status != 0 else { return result.output }
      throw FetchError.from(program, output: result.output + result.errors, mirror: mirror, folder: folder.path)
    } catch {
      progress.abort()
      throw error
    }
  }

  private func writing(_ body: () throws -> Void) throws {
    do { try body() } catch let error as CocoaError where error.code == .fileWriteOutOfSpace {
      throw FetchError.diskFull(folder.path)
    }
  }
}
