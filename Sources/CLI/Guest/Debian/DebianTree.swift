import Foundation

/// A root file system that is being put together as one tar archive: packages unpacked but not configured, as
/// `dpkg --unpack` leaves them, so that `dpkg --configure` in the guest can go on from there.
///
/// Nothing of it is unpacked on the host: owners and modes come from the packages, and no privilege is needed for them.
struct DebianTree {
  /// dpkg's database names of the packages so far.
  private(set) var packages: [String] = []
  private var kinds: [String: TarMember.Kind] = [:]
  private var status = ""
  private var triggers = TriggerInterests()
  private let output: FileHandle

  private static let database = "var/lib/dpkg"
  /// Programs among a package's control files (Debian policy 6.1 and debconf-devel(7)).
  private static let scripts: Set<String> = ["preinst", "postinst", "prerm", "postrm", "config"]

  /// Writes the archive to `output`.
  init(output: FileHandle) { self.output = output }

  /// Adds a package, given the folder of its control files and its archive of files.
  mutating func add(control folder: URL, files: Data) throws {
    let text = try String(contentsOf: folder.appendingPathComponent("control"), encoding: .utf8)
    guard let package = PackageControl(text) else {
      throw FetchError.failed(folder.lastPathComponent, "its control file lacks a field")
    }
    do {
      let list = try copy(files)
      try addFile(infoPath(package, "list"), list)
    } catch let error as TarError {
      throw FetchError.failed("the package \(package.name)", error.words)
    }
    try addControl(folder, of: package)
    packages.append(package.databaseName)
  }

  /// Copies all members but folders that are there already; returns the names of all as dpkg lists them.
  private mutating func copy(_ files: Data) throws -> String {
    var reader = TarReader(files)
    var list = ""
    while let member = try reader.next() {
      list += member.path.isEmpty ? "/.\n" : "/\(member.path)\n"
      switch kinds[member.path] {
      case nil: kinds[member.path] = member.kind
      case .directory where member.kind == .directory: continue
      default: throw TarError.unexpected("\(member.path), which another package holds as well")
      }
      try write(files[member.records])
    }
    return list
  }

  private mutating func addControl(_ folder: URL, of package: PackageControl) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() where name != "control" {
      let content = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      try addFile(infoPath(package, name), content, mode: DebianTree.scripts.contains(name) ? 0o755 : 0o644)
      if name == "triggers" { triggers.add(content, of: package) }
    }
    let text = try? String(contentsOf: folder.appendingPathComponent("conffiles"), encoding: .utf8)
    let conffiles = PackageControl.conffiles(text ?? "")
    for path in conffiles.map({ String($0.dropFirst()) }) where kinds[path] == .file {
      // Where dpkg expects what it unpacked; the same under its own name serves programs that run before it is configured.
      try write(TarWriter.hardLink(path + ".dpkg-new", to: path))
    }
    status += package.status(conffiles: conffiles)
  }

  private func infoPath(_ package: PackageControl, _ name: String) -> String {
    "\(DebianTree.database)/info/\(package.databaseName).\(name)"
  }

  /// Adds a file that is in no package.
  mutating func addFile(_ path: String, _ content: String, mode: Int = 0o644) throws {
    guard kinds[path] == nil else { throw FetchError.failed("the root file system", "\(path) is there already") }
    try addFolders(of: path)
    kinds[path] = .file
    try write(TarWriter.file(path, Array(content.utf8), mode: mode))
  }

  private mutating func addFolders(of path: String) throws {
    var folder = ""
    for part in path.split(separator: "/").dropLast() {
      folder += folder.isEmpty ? String(part) : "/\(part)"
      guard kinds[folder] == nil else { continue }
      kinds[folder] = .directory
      try write(TarWriter.directory(folder))
    }
  }

  /// Adds dpkg's database and ends the archive.
  mutating func finish() throws {
    try addFile("\(DebianTree.database)/status", status)
    try addFile("\(DebianTree.database)/available", "")
    try addFile("\(DebianTree.database)/info/format", "1\n")
    for file in triggers.files { try addFile("\(DebianTree.database)/triggers/\(file.name)", file.content) }
    try write(TarWriter.end)
  }

  private func write(_ bytes: some DataProtocol) throws { try output.write(contentsOf: bytes) }
}
