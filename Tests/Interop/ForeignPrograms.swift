import Foundation
import Testing
import VhostBenchSupport

/// Other people's back-ends, unpacked from Debian's archive with their own C library.
enum ForeignPrograms {
  /// A root with all of them, named by ATOLL_INTEROP_ROOT; nil: these tests do not run. What then is not there is a failure.
  static let root = ProcessInfo.processInfo.environment["ATOLL_INTEROP_ROOT"]
  static let comment: Comment = "`make test-interop` runs these"

  /// Starts `program` of the root with its loader and libraries.
  static func start(_ program: String, _ arguments: [String], _ kind: SocketKind, in folder: Folder) throws
    -> BackEndProcess
  {
    let root = try #require(root)
    let manager = FileManager.default
    try #require(
      manager.isExecutableFile(atPath: "\(root)/\(program)"),
      "\(program) is not in \(root): `atoll guest fetch --vhost-user` gets it")
    let triplets = try manager.contentsOfDirectory(atPath: "\(root)/usr/lib").filter { $0.hasSuffix("-linux-gnu") }
    let libraries = triplets.map { "\(root)/usr/lib/\($0)" }
    let loader = try #require(ForeignPrograms.loader(in: ["\(root)/usr/lib64"] + libraries))
    return try BackEndProcess(
      [loader, "--library-path", libraries.joined(separator: ":"), "\(root)/\(program)"] + arguments, kind,
      directory: folder.path)
  }
}

extension ForeignPrograms {
  /// The C library's program loader.
  private static func loader(in folders: [String]) -> String? {
    for folder in folders {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      if let name = names.first(where: { $0.hasPrefix("ld-linux") }) { return "\(folder)/\(name)" }
    }
    return nil
  }
}

/// A folder that goes with its value.
final class Folder {
  let path: String
  init() throws {
    path =
      FileManager.default.temporaryDirectory.appendingPathComponent("atoll-interop-\(UUID().uuidString.prefix(8))").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A disk image of which every sector starts with its number.
  func image(megabytes: Int) throws -> String {
    var data = Data(count: megabytes << 20)
    data.withUnsafeMutableBytes { bytes in
      if let base = bytes.baseAddress { BlockLoad.pattern(base, bytes.count, at: 0) }
    }
    try data.write(to: URL(fileURLWithPath: "\(path)/disk"))
    return "\(path)/disk"
  }
}
