/// What one kind of process may do. Namespaces, the empty root, capabilities and Landlock are the same for all and are
/// not listed here; see the README beside this folder.
public struct Profile: Sendable {
  /// The kind of process, as in its program's name: atoll-NAME.
  public var name: StaticString
  /// What the process holds, for people: the right-hand side of `atoll ps` and of the README's table.
  public var holds: StaticString
  /// System calls for good, from the program's first instruction to its end.
  public var running: [Syscall]
  /// System calls until the process has installed its second filter, besides `running` and `Syscalls.start`.
  public var attaching: [Syscall] = []
  /// One more than the highest descriptor number: received ones count. At most 760.
  public var openFiles: Int
  /// Threads of the process, itself included.
  public var threads: Int = 1
  /// Bytes of private writable memory, the stack not counted.
  public var dataBytes: Int
  /// Bytes of memory that the kernel may keep from being swapped out for it, as io_uring's rings are.
  public var lockedBytes = 0
  /// Whether it may write to a regular file that it inherits (standard output redirected to a file).
  public var writesFiles = false
  /// Whether it stays in the supervisor's session, which it needs to use the controlling terminal. Such a process gets
  /// SIGTERM rather than SIGKILL when the supervisor dies, so that it can put the terminal's modes back.
  public var keepsTerminal = false

  /// Whether the program is not Atoll's: dynamic, found by its path in a root of its own, and without a second filter; a
  /// system call that is not listed fails instead of ending it.
  public var isForeign = false
  /// Whether it stays in the host's network namespace.
  public var hostNetwork = false
  /// Whether it makes namespaces of its own: then user namespaces inside this one are not forbidden, and Landlock, under
  /// which nothing can be mounted, is left out.
  public var confinesItself = false

  /// Every kind of process of Atoll's own.
  public static var all: [Profile] {
    [
      .serial, .rtc, .power, .flash, .firmwareConfig, .pcie, .vmm, .vmmOnKVM, .loader, .terminal, .rng, .block, .net, .netUser,
      .console, .vsock,
    ]
  }

  /// Programs that are not Atoll's.
  public static var foreigners: [Profile] {
    [.foreign(hostNetwork: false, confinesItself: false), .foreign(hostNetwork: true, confinesItself: true)]
  }
}

/// One allowed system call, perhaps only with certain arguments.
public struct Syscall: Sendable {
  /// The kernel's name of it. One that this host's architecture lacks is skipped.
  let name: StaticString
  /// All must hold. Several rules for one name: any may hold.
  let conditions: [ArgumentCondition]
  /// Instead of running the call, answer this errno: for calls whose failure the C library handles by itself.
  let refusal: Int32?

  /// Allows `name` whenever all `conditions` hold.
  static func allow(_ name: StaticString, _ conditions: ArgumentCondition...) -> Syscall {
    Syscall(name: name, conditions: conditions, refusal: nil)
  }

  /// Makes `name` fail with `errno`.
  static func refuse(_ name: StaticString, _ errno: Int32) -> Syscall {
    Syscall(name: name, conditions: [], refusal: errno)
  }
}

/// A test of one argument of a system call: `argument & mask == value`. Pointers cannot be looked behind.
public struct ArgumentCondition: Sendable {
  /// 0 to 5.
  let argument: UInt32
  let mask: UInt64
  let value: UInt64

  /// Argument `argument` is exactly `value`.
  static func argument(_ argument: UInt32, is value: UInt64) -> ArgumentCondition {
    ArgumentCondition(argument: argument, mask: .max, value: value)
  }

  /// Argument `argument` is an `int` of exactly `value`; the register's upper half is ignored, as the kernel does.
  static func argument(_ argument: UInt32, isInt value: UInt32) -> ArgumentCondition {
    ArgumentCondition(argument: argument, mask: 0xffff_ffff, value: UInt64(value))
  }

  /// Argument `argument` is `value` when the bits of `mask` are ignored.
  static func argument(_ argument: UInt32, is value: UInt64, ignoring mask: UInt64) -> ArgumentCondition {
    ArgumentCondition(argument: argument, mask: ~mask, value: value)
  }

  /// Argument `argument` has none of these bits.
  static func argument(_ argument: UInt32, hasNone bits: UInt64) -> ArgumentCondition {
    ArgumentCondition(argument: argument, mask: bits, value: 0)
  }
}
