import CSystem
import System

extension SpawnSpec {
  /// Throws for what no host could do.
  func check() throws(SandboxError) {
    if arguments.count > 15 { throw .request(name: name, "more than 15 arguments") }
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
    request.writes_files = spec.profile.writesFiles ? 1 : 0
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
    return spec.argumentBytes.withUnsafeBufferPointer { arguments in
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
