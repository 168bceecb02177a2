import CSystem
import System

extension SpawnSpec {
  /// Throws for what no host could do.
  func check() throws(SandboxError) {
    if arguments.count > 95 { throw .request(name: name, "more than 95 arguments") }
    if root.count > 32 { throw .request(name: name, "more than 32 entries in its root directory") }
    if descriptors.count > 16 { throw .request(name: name, "more than 16 descriptors to inherit") }
    var total = name.utf8.count
    for argument in arguments {
      total += argument.utf8.count
      if argument.utf8.contains(0) { throw .request(name: name, "a zero byte in an argument") }
    }
    if total > 4000 || name.utf8.contains(0) { throw .request(name: name, "arguments too long") }
    for (index, descriptor) in descriptors.enumerated() {
      guard descriptor.target >= 0, descriptor.target < profile.openFiles else {
        throw .request(name: name, "a descriptor's number is outside the profile's limit")
      }
      if descriptors[..<index].contains(where: { $0.target == descriptor.target }) {
        throw .request(name: name, "two descriptors for one number")
      }
    }
  }

  /// `argv` as strings that each end with a zero.
  fileprivate var argumentBytes: [CChar] {
    var bytes: [CChar] = []
    for argument in [name] + arguments {
      for byte in argument.utf8 { bytes.append(CChar(bitPattern: byte)) }
      bytes.append(0)
    }
    return bytes
  }
}

extension RootEntry {
  /// A letter, then two strings that each end with a zero: what and where.
  fileprivate var bytes: [CChar] {
    switch self {
    case .bind(let source, let target, let writable): RootEntry.bytes(writable ? "w" : "r", source, target)
    case .device(let source, let target): RootEntry.bytes("d", source, target)
    case .link(let text, let target): RootEntry.bytes("l", text, target)
    case .folder(let target): RootEntry.bytes("f", "", target)
    case .scratch(let target): RootEntry.bytes("t", "", target)
    case .processes(let target): RootEntry.bytes("p", "", target)
    }
  }

  private static func bytes(_ kind: StaticString, _ source: String, _ target: String) -> [CChar] {
    ([kind.utf8Start.pointee] + Array(source.utf8) + [0] + Array(target.utf8) + [0]).map { CChar(bitPattern: $0) }
  }
}

extension Sandbox {
  /// Starts the process with `filter` as its first; the caller checked `spec`.
  func start(
    _ executable: borrowing FileDescriptor, _ spec: SpawnSpec, filter: [UInt8]
  ) throws(SandboxError) -> SpawnedProcess {
    var request = atoll_spawn_request()
    request.executable = executable.raw
    request.confined = confinement == .none ? 0 : 1
    request.new_session = spec.profile.keepsTerminal ? 0 : 1
    request.death_signal = spec.profile.keepsTerminal ? 15 : 9
    request.open_files = spec.profile.openFiles
    request.processes = spec.profile.threads
    request.data_bytes = spec.profile.dataBytes
    request.locked_bytes = spec.profile.lockedBytes
    request.writes_files = spec.profile.writesFiles ? 1 : 0
    request.host_network = spec.profile.hostNetwork ? 1 : 0
    request.confines_itself = spec.profile.confinesItself ? 1 : 0
    return try perform(&request, spec, filter)
  }

  private func perform(
    _ request: inout atoll_spawn_request, _ spec: SpawnSpec, _ filter: [UInt8]
  ) throws(SandboxError) -> SpawnedProcess {
    var pidfd: Int32 = -1
    var step: Int32 = 0
    let pid = withPointers(&request, spec, filter) { atoll_spawn($0, &pidfd, &step) }
    if pid >= 0 { return SpawnedProcess(pid: pid, owning: FileDescriptor(owning: pidfd)) }
    let failed = SpawnStep(rawValue: step) ?? .channel
    if failed == .clone { throw .namespaces(name: spec.name, missing: NamespaceDiagnosis.missing(-pid)) }
    throw .step(name: spec.name, failed, number: -pid)
  }

  /// Fills in the request's pointers for the time of `body`.
  private func withPointers(
    _ request: inout atoll_spawn_request, _ spec: SpawnSpec, _ filter: [UInt8],
    _ body: (UnsafePointer<atoll_spawn_request>) -> Int32
  ) -> Int32 {
    let sources = spec.descriptors.map { $0.source }
    let targets = spec.descriptors.map { $0.target }
    request.argument_count = Int32(spec.arguments.count + 1)
    request.descriptor_count = Int32(spec.descriptors.count)
    request.filter_count = UInt32(filter.count / 8)
    request.root_count = Int32(spec.root.count)
    let root = spec.root.flatMap { $0.bytes }
    let path = spec.path.map { Array($0.utf8).map { CChar(bitPattern: $0) } + [0] } ?? []
    return root.withUnsafeBufferPointer { root in
      path.withUnsafeBufferPointer { path in
        request.root = root.baseAddress
        request.path = spec.path == nil ? nil : path.baseAddress
        return withDescriptors(&request, spec, filter, sources, targets, body)
      }
    }
  }

  private func withDescriptors(
    _ request: inout atoll_spawn_request, _ spec: SpawnSpec, _ filter: [UInt8], _ sources: [Int32], _ targets: [Int32],
    _ body: (UnsafePointer<atoll_spawn_request>) -> Int32
  ) -> Int32 {
    spec.argumentBytes.withUnsafeBufferPointer { arguments in
      sources.withUnsafeBufferPointer { sources in
        targets.withUnsafeBufferPointer { targets in
          filter.withUnsafeBytes { filter in
            request.arguments = arguments.baseAddress
            request.sources = sources.baseAddress
            request.targets = targets.baseAddress
            request.filter = filter.baseAddress
            return body(&request)
          }
        }
      }
    }
  }
}
