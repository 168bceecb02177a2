import CSystem
import System

/// Why a process could not be started in its sandbox. There is no weaker sandbox to fall back to.
public enum SandboxError: Error, Sendable {
  /// A step of the start of process `name` failed with the positive errno `number`.
  case step(name: String, SpawnStep, number: Int32)
  /// The kernel refused the namespaces that the sandbox is made of; `missing` says what is off and how to turn it on.
  case namespaces(name: String, missing: String)
  /// The request is at fault, not the host.
  case request(name: String, StaticString)
  /// A profile's system-call filter could not be built; `profile` is its name.
  case filter(StaticString, SystemError)

  /// One sentence: what failed, why, and what to do about it.
  public var sentence: String {
    switch self {
    case .step(let name, let step, let number):
      "cannot start \(name) in its sandbox: \(step.words.text) failed: \(Errno.text(number))\(step.advice(number).text)"
    case .namespaces(let name, let missing): "cannot start \(name) in its sandbox: \(missing)"
    case .request(let name, let problem): "cannot start \(name): \(problem.text)"
    case .filter(let profile, let error):
      "cannot build the system-call filter of profile \(profile.text): \(error.sentence)"
    }
  }
}

/// The steps from clone to exec, in order, as the child reports them.
public enum SpawnStep: Int32, Sendable, CaseIterable {
  case request = 1
  case channel, clone, mapIDs, descriptors, trees, ids, session, hostName, root, capabilities, privileges, landlock,
    limits,
    parent, signals, filter, execute

  /// What the step does, to be followed by "failed".
  public var words: StaticString {
    switch self {
    case .request: "reading the request"
    case .channel: "talking to the new process"
    case .clone: "making the new namespaces"
    case .mapIDs: "mapping its user and group"
    case .descriptors: "handing over its descriptors"
    case .trees: "opening the folders for its root directory"
    case .ids: "becoming an unprivileged user"
    case .session: "starting a session of its own"
    case .hostName: "clearing the host name"
    case .root: "changing to a root directory of its own"
    case .capabilities: "dropping all capabilities"
    case .privileges: "giving up new privileges (no_new_privs)"
    case .landlock: "entering a Landlock domain"
    case .limits: "setting resource limits"
    case .parent: "tying its life to the supervisor's"
    case .signals: "resetting signals"
    case .filter: "installing the system-call filter"
    case .execute: "executing the program file"
    }
  }

  /// What to do when the step fails with `number`; empty if nothing general can be said.
  func advice(_ number: Int32) -> StaticString {
    switch (self, number) {
    case (.descriptors, 24): "; the hard limit of open files must be at least 600 (ulimit -Hn)"
    case (.mapIDs, Errno.perm), (.root, Errno.perm), (.root, Errno.access):
      "; a security module restricts user namespaces (on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0)"
    case (.filter, _): "; the kernel must have CONFIG_SECCOMP_FILTER"
    case (.trees, Errno.noSystemCall): "; folders can be shown to a process from Linux 5.12 on"
    case (.execute, Errno.noEntry):
      "; the program must be statically linked (the Embedded build), or its root must hold its libraries"
    case (.execute, Errno.access):
      "; the program file must be executable, for everyone if the supervisor is root, and not on a noexec mount"
    default: ""
    }
  }
}

/// Finding out why the kernel refuses namespaces, for a sentence that helps.
enum NamespaceDiagnosis {
  /// What is missing when clone3 fails with `number`.
  static func missing(_ number: Int32) -> String {
    if setting("/proc/sys/kernel/unprivileged_userns_clone") == 0 {
      return "user namespaces are off for ordinary users; turn them on: sysctl kernel.unprivileged_userns_clone=1"
    }
    for kind in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"]
    where setting("/proc/sys/user/max_\(kind)_namespaces") == 0 {
      return "\(kind) namespaces are limited to 0; allow some: sysctl user.max_\(kind)_namespaces=10000"
    }
    return general(number)
  }

  private static func general(_ number: Int32) -> String {
    switch number {
    case Errno.noSystemCall: "clone3 is not available: the kernel is older than 5.11, or a container's filter hides it"
    case Errno.invalid: "this kernel was built without one of user, mount, PID, network, IPC, UTS and cgroup namespaces"
    case Errno.noSpace, 87: "the limit of namespaces is reached: see sysctl user (max_*_namespaces)"
    case Errno.perm:
      "new namespaces are not permitted here: not in a chroot, and in a container only with its seccomp filter relaxed"
    default: "making the new namespaces failed: \(Errno.text(number))"
    }
  }

  /// The number in a one-line file of /proc/sys; nil if there is none.
  private static func setting(_ path: String) -> Int? {
    guard let file = try? FileDescriptor.open(path, flags: 0) else { return nil }
    var digits: InlineArray<24, UInt8> = .init(repeating: 0)
    var storage = digits.mutableSpan
    let count = storage.withUnsafeMutableBytes { (try? file.read(into: $0)) ?? 0 }
    var value: Int?
    for i in 0..<max(0, min(count, 18)) {
      guard digits[i] >= 0x30, digits[i] <= 0x39 else { break }
      value = (value ?? 0) * 10 + Int(digits[i] - 0x30)
    }
    return value
  }
}
