import CSeccomp
import CSystem
import System

/// A profile's two filters, built once by libseccomp.
final class CompiledProfile {
  private let name: String
  /// Start and run: in force from the program's first instruction.
  let phaseOne: [UInt8]
  /// Run only: a sealed memfd for the process itself to install.
  let phaseTwo: FileDescriptor

  init(_ profile: Profile, logOnly: Bool) throws(SandboxError) {
    do {
      // A foreign program does not install a second filter: its first is for good.
      let refusal = profile.isForeign ? Errno.noSystemCall : 0
      let first = try Filter(logOnly: logOnly, refusal: refusal)
      if !profile.isForeign { try first.add(Syscall.start) }
      try first.add(profile.attaching)
      try first.add(profile.running)
      let second = try Filter(logOnly: logOnly, refusal: refusal)
      try second.add(profile.running)
      name = profile.name.text
      phaseOne = try first.bytes()
      phaseTwo = try second.sealedFile()
    } catch {
      throw .filter(profile.name, error)
    }
  }
}

extension CompiledProfile {
  /// Whether these are `profile`'s filters. Bytes are compared: string equality needs Unicode tables, which the runtime-free
  /// programs do not carry.
  func isCompiled(from profile: Profile) -> Bool { name.utf8.elementsEqual(profile.name.text.utf8) }
}

/// One allow-list in the making.
private struct Filter: ~Copyable {
  private static var name: StaticString { "atoll-filter" }
  private let handle: UnsafeMutableRawPointer

  /// What is not on the list ends the process, or fails with errno `refusal` if that is not 0.
  init(logOnly: Bool, refusal: Int32) throws(SystemError) {
    guard let handle = atoll_filter_create(logOnly ? 1 : 0, refusal) else {
      throw SystemError("seccomp_init", Errno.noMemory)
    }
    self.handle = handle
  }

  deinit { atoll_filter_free(handle) }

  borrowing func add(_ rules: [Syscall]) throws(SystemError) {
    for rule in rules {
      let result = rule.refusal.map { refuse(rule, $0) } ?? allow(rule)
      // A rule that is there already (a call listed twice) is no mistake.
      if result < 0, result != -Errno.exists { throw SystemError(rule.name, -result) }
    }
  }

  private borrowing func refuse(_ rule: Syscall, _ errno: Int32) -> Int32 {
    rule.name.withCharacters { atoll_filter_refuse(handle, $0, errno) }
  }

  private borrowing func allow(_ rule: Syscall) -> Int32 {
    let arguments = rule.conditions.map { $0.argument }
    let masks = rule.conditions.map { $0.mask }
    let values = rule.conditions.map { $0.value }
    return rule.name.withCharacters {
      atoll_filter_allow(handle, $0, Int32(arguments.count), arguments, masks, values)
    }
  }

  /// The program in a memfd that can still be written.
  private borrowing func file() throws(SystemError) -> FileDescriptor {
    let descriptor = FileDescriptor(
      owning: try SystemError.check("memfd_create", Filter.name.withCharacters { atoll_memfd($0, 0, 0) }))
    _ = try SystemError.check("seccomp_export_bpf", atoll_filter_write(handle, descriptor.raw))
    return descriptor
  }

  borrowing func sealedFile() throws(SystemError) -> FileDescriptor {
    let descriptor = try file()
    _ = try SystemError.check("sealing of a filter", atoll_memfd_seal_all(descriptor.raw))
    return descriptor
  }

  borrowing func bytes() throws(SystemError) -> [UInt8] {
    let descriptor = try file()
    var bytes = [UInt8](repeating: 0, count: try descriptor.fileSize())
    let got = bytes.withUnsafeMutableBytes { atoll_pread(descriptor.raw, $0.baseAddress, UInt($0.count), 0) }
    guard try SystemError.check("read of a filter", got) == bytes.count else {
      throw SystemError("read of a filter", 5)
    }
    return bytes
  }
}

extension StaticString {
  /// The characters as C wants them; a static string ends with a zero.
  fileprivate func withCharacters(_ body: (UnsafePointer<CChar>) -> Int32) -> Int32 {
    utf8Start.withMemoryRebound(to: CChar.self, capacity: utf8CodeUnitCount + 1) { body($0) }
  }
}
