import Foundation

/// The kernel modules that a guest of this machine can need before it has a root file system of its own, and the tables
/// by which modprobe finds them (modules.dep(5)).
struct ModuleTree {
  /// The kernel's release, as `uname -r` says it.
  let release: String
  /// In an order in which each comes after what it depends on.
  private(set) var modules: [KernelModule] = []

  /// One for each kind of device that the machine can have, and the file system of Debian's root. What else they need
  /// comes by itself; virtio's PCI transport, console and shared directories are part of Debian's kernel.
  static let wanted = ["virtio_blk", "virtio_net", "virtio_rng", "vmw_vsock_virtio_transport", "ext4"]

  /// A tree without modules.
  init(release: String) { self.release = release }

  /// Takes `wanted` and what it depends on from the folder of an unpacked linux-modules package.
  init(release: String, in folder: URL, wanted: [String] = ModuleTree.wanted) throws {
    self.init(release: release)
    let files = ModuleTree.files(in: folder)
    let xz = try XZLibrary()
    for name in wanted { try add(name, from: files, xz) }
  }

  private static func files(in folder: URL) -> [String: URL] {
    var files: [String: URL] = [:]
    let all = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    while let file = all?.nextObject() as? URL {
      let parts = file.lastPathComponent.split(separator: ".")
      guard parts.count > 1, parts[1] == "ko" else { continue }
      files[KernelModule.canonical(String(parts[0]))] = file
    }
    return files
  }

  private mutating func add(_ name: String, from files: [String: URL], _ xz: XZLibrary) throws {
    guard !modules.contains(where: { $0.name == name }) else { return }
    guard let file = files[name] else { throw FetchError.noFile("\(name).ko", package: "linux-modules-\(release)") }
    var bytes = [UInt8](try Data(contentsOf: file))
    if file.pathExtension == "xz" { bytes = xz.unpack(bytes) ?? [] }
    guard let module = KernelModule(bytes) else {
      throw FetchError.failed(file.lastPathComponent, "it is no kernel module")
    }
    for dependency in module.dependencies { try add(dependency, from: files, xz) }
    add(module)
  }

  /// Adds a module whose dependencies are there.
  mutating func add(_ module: KernelModule) { modules.append(module) }

  /// The folder of modules in a root file system.
  var folder: String { "lib/modules/\(release)" }

  /// modules.dep: each file with everything that it depends on, what is loaded first last.
  var dependencyTable: String {
    modules.map { module in
      "\(module.name).ko:" + closure(module).reversed().map { " \($0).ko" }.joined() + "\n"
    }.joined()
  }

  /// modules.alias.
  var aliasTable: String {
    modules.map { module in module.aliases.map { "alias \($0) \(module.name)\n" }.joined() }.joined()
  }

  /// Names of all that `module` depends on, in the order of loading.
  private func closure(_ module: KernelModule) -> [String] {
    var names: Set<String> = []
    // Dependencies come earlier in `modules`: one walk from the end meets every dependant before what it depends on.
    names.formUnion(module.dependencies)
    for other in modules.reversed() where names.contains(other.name) { names.formUnion(other.dependencies) }
    return modules.map(\.name).filter { names.contains($0) }
  }
}
