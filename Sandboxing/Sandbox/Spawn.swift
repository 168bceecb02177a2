import System

/// How strictly processes are confined.
public enum Confinement: Sendable, Equatable {
  /// A forbidden system call ends the process. The only choice for real use.
  case enforced
  /// A forbidden system call happens and the kernel's audit log names it: for finding what a profile lacks.
  case logged
  /// No namespaces, no seccomp, no limits: `--insecure-no-sandbox`. Whoever chooses it prints a warning.
  case none
}

/// A descriptor that the new process inherits.
public struct InheritedDescriptor: Sendable {
  /// The descriptor's number here. It stays open here and belongs to its owner.
  public let source: Int32
  /// Its number there, 0 to `Profile.openFiles` - 1, each number at most once.
  public let target: Int32

  /// Hands `source` over as number `target`.
  public init(_ source: Int32, as target: Int32) {
    self.source = source
    self.target = target
  }
}

/// What is the same for every process of Atoll: where it finds what it inherits.
public enum StandardDescriptor {
  /// The log pipe: whole lines of text.
  public static let log: Int32 = 2
  /// The set-up socket, a `MessageSocket`.
  public static let setUp: Int32 = 3
}

/// One thing in the root directory of a process; without any the root is empty. What is there is read-only unless said.
public enum RootEntry: Sendable {
  /// A file or folder of the host, with everything mounted below it.
  case bind(String, at: String, writable: Bool)
  /// A device node of the host.
  case device(String, at: String)
  /// A symbolic link.
  case link(to: String, at: String)
  /// An empty folder.
  case folder(String)
  /// A folder in memory, at most 1 MiB, that can be written.
  case scratch(String)
  /// The process' own view of processes (proc(5)), where the host lets an unprivileged user mount one; else nothing.
  case processes(String)
}

/// One process to start.
public struct SpawnSpec: Sendable {
  /// `argv[0]`: the name that `ps` and log lines show.
  public var name: String
  /// The arguments after the name; at most 95, 4000 bytes together.
  public var arguments: [String] = []
  /// Everything that the process has at its first instruction, at most 16. Of 0, 1 and 2, those not listed are a pipe at
  /// its end: reading gives end of file, writing fails.
  public var descriptors: [InheritedDescriptor]
  /// What it may do.
  public var profile: Profile
  /// What its root directory holds; at most 32 entries. Paths in it are absolute.
  public var root: [RootEntry] = []
  /// The program's path in that root, if it is not the opened file that is executed.
  public var path: String?

  /// A process called `name`, confined by `profile`, that inherits `descriptors`.
  public init(name: String, profile: Profile, descriptors: [InheritedDescriptor]) {
    self.name = name
    self.profile = profile
    self.descriptors = descriptors
  }
}

/// Starts confined processes. Holds the compiled filters, so one instance serves a whole machine. Not thread-safe.
///
/// The processes get SIGKILL (the terminal SIGTERM) when the **thread** that spawned them ends (`PR_SET_PDEATHSIG`), so spawn from the main thread.
public final class Sandbox {
  /// How strictly processes are confined.
  public let confinement: Confinement
  private var cache: [CompiledProfile] = []

  /// A sandbox without compiled filters yet.
  public init(_ confinement: Confinement = .enforced) { self.confinement = confinement }

  /// Starts `executable` in its sandbox and returns when it runs its own code, or throws what stopped it.
  ///
  /// The program file is opened beforehand, because the new process has an empty root; for the same reason it must be
  /// statically linked unless confinement is `.none`. Opening with O_PATH or O_RDONLY and O_CLOEXEC is enough. When the
  /// supervisor is root, the process runs as `nobody`, so the file must be executable for everyone.
  public func spawn(
    _ executable: borrowing FileDescriptor, _ spec: SpawnSpec
  ) throws(SandboxError) -> SpawnedProcess {
    try spec.check()
    guard confinement != .none else { return try start(executable, spec, filter: []) }
    return try start(executable, spec, filter: try compiled(spec.profile).phaseOne)
  }

  /// The filter that `profile`'s process installs on itself once it is attached: a read-only memfd whose content is
  /// final, to be sent over the set-up socket. It holds an array of `struct sock_filter`. Nil if confinement is
  /// `.none`: then the process gets none and goes on without.
  public func phaseTwoProgram(_ profile: Profile) throws(SandboxError) -> FileDescriptor? {
    guard confinement != .none else { return nil }
    let compiled = try compiled(profile)
    do {
      return try compiled.phaseTwo.duplicate()
    } catch {
      throw .filter(profile.name, error)
    }
  }

  private func compiled(_ profile: Profile) throws(SandboxError) -> CompiledProfile {
    if let known = cache.first(where: { $0.isCompiled(from: profile) }) { return known }
    let new = try CompiledProfile(profile, logOnly: confinement == .logged)
    cache.append(new)
    return new
  }
}
