import Foundation

/// A folder with programs of a newer Debian and all libraries that they need, unpacked and not installed. They run with
/// their own loader and C library: the host's may be older.
struct PrivateRoot {
  private let root: URL
  private let loader: String
  private let libraries: String
  /// Where programs run, and leave what they say on standard error.
  private let folder: URL

  /// `root` holds unpacked packages, the C library's among them.
  init(_ root: URL, folder: URL) throws {
    (self.root, self.folder) = (root, folder)
    let parts = try PrivateRoot.parts(of: root)
    loader = root.appendingPathComponent(parts.loader).path
    libraries = parts.libraries.map { root.appendingPathComponent($0).path }.joined(separator: ":")
  }

  /// Where a root has its program loader and its folders of libraries.
  static func parts(of root: URL) throws -> (loader: String, libraries: [String]) {
    var loader: String?
    var libraries: [String] = []
    for folder in ["usr/lib64", "usr/lib"] {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path)) ?? []
      loader = loader ?? names.first { $0.hasPrefix("ld-linux") }.map { "\(folder)/\($0)" }
      libraries += names.filter { $0.hasSuffix("-linux-gnu") }.map { "\(folder)/\($0)" }
    }
    guard let loader else { throw FetchError.noFile("ld-linux", package: "libc6") }
    return (loader, libraries)
  }

  /// Runs a program of the root to its end; its output.
  @discardableResult
  func run(_ program: String, _ arguments: [String]) throws -> String {
    try Interruption.check()
    let path = root.appendingPathComponent(program).path
    guard FileManager.default.isExecutableFile(atPath: path) else { throw FetchError.noProgram(program) }
    let child = HostProgram(
      loader, ["--library-path", libraries, path] + arguments, folder: folder,
      environment: ["MKE2FS_CONFIG": root.appendingPathComponent("etc/mke2fs.conf").path])
    let result = try child.run(progress: { _ in })
    try Interruption.check()
    guard result.status == 0 else {
      throw FetchError.from(program, output: result.errors + result.output, mirror: "", folder: folder.path)
    }
    return result.output
  }
}
