// Groups of system calls that several profiles share. Numbers are Linux's, the same on x86-64 and LoongArch64 unless
// said. To add a call, see README.md, "Adding a system call".

extension Syscall {
  /// Only until the second filter: what execveat, the C library's start-up in a static program, and the installation of
  /// the second filter itself need.
  static var start: [Syscall] {
    [
      // Number 767 is above every profile's limit of open files: it is gone with this very call, for good.
      .allow("execveat", .argument(0, isInt: 767), .argument(4, isInt: atEmptyPath)),
      .allow("arch_prctl"),
      .allow("set_tid_address"),
      .allow("set_robust_list"),
      .allow("rseq"),
      .allow("getrandom"),
      .allow("prlimit64", .argument(0, isInt: 0), .argument(2, is: 0)),
      .allow("readlink"),
      .allow("readlinkat"),
      .allow("uname"),
      .allow("pread64"),
      .allow("prctl", .argument(0, isInt: 4), .argument(1, is: 0)),  // PR_SET_DUMPABLE, off
      .allow("prctl", .argument(0, isInt: 38), .argument(1, is: 1)),  // PR_SET_NO_NEW_PRIVS, on
      .allow("seccomp", .argument(0, isInt: 1), .argument(1, isInt: 0)),  // SECCOMP_SET_MODE_FILTER
      .allow("seccomp", .argument(0, isInt: 1), .argument(1, isInt: 1)),  // ... for all threads
    ]
  }

  /// Ending, in any way.
  static var ending: [Syscall] {
    [.allow("exit"), .allow("exit_group"), .allow("rt_sigreturn"), .allow("restart_syscall")]
  }

  /// Private memory and mappings of received memory: readable and writable, never executable, never over another one.
  static var memory: [Syscall] {
    [
      .allow("brk"),
      .allow("mmap", .argument(2, hasNone: ~readWrite), .argument(3, hasNone: riskyMappings)),
      .allow("munmap"),
      .allow("mprotect", .argument(2, hasNone: ~readWrite)),
      .allow("mremap", .argument(3, is: 1)),  // MREMAP_MAYMOVE, to wherever the kernel likes
      .allow("madvise", .argument(2, isInt: 4)),  // MADV_DONTNEED
      .allow("madvise", .argument(2, isInt: 8)),  // MADV_FREE
      .allow("madvise", .argument(2, isInt: 14)),  // MADV_HUGEPAGE
      .allow("madvise", .argument(2, isInt: 15)),  // MADV_NOHUGEPAGE
      .allow("madvise", .argument(2, isInt: 16)),  // MADV_DONTDUMP
    ]
  }

  /// Using the descriptors that it holds: bytes, events, timers, and what a descriptor is.
  static var descriptors: [Syscall] {
    [
      .allow("read"),
      .allow("write"),
      .allow("writev"),
      .allow("close"),
      .allow("poll"),
      .allow("ppoll"),
      .allow("timerfd_settime"),
      .allow("clock_gettime"),  // where the vDSO cannot answer
      .allow("fstat"),
      .allow("newfstatat", .argument(3, isInt: atEmptyPath)),
      // What fstat is on LoongArch64; the C library adds AT_NO_AUTOMOUNT.
      .allow("statx", .argument(2, is: UInt64(atEmptyPath), ignoring: 0xffff_ffff_0000_0800)),
    ] + [1, 2, 3, 1030, 1034].map { .allow("fcntl", .argument(1, isInt: $0)) }
    // F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC, F_GET_SEALS. Not F_SETFL: O_NONBLOCK belongs to the open file, and an
    // eventfd that is full and made blocking would hold up the next one who signals it, such as the VMM.
  }

  /// Messages on sockets that it holds. It cannot make or connect one.
  static var messages: [Syscall] { [.allow("sendmsg"), .allow("recvmsg")] }

  /// Sleeping on a word of memory and waking who sleeps there, private or shared; no other futex operation.
  static var futex: [Syscall] {
    // FUTEX_WAIT, WAKE, WAIT_BITSET, WAKE_BITSET; ignored: FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME
    [0, 1, 9, 10].map { .allow("futex", .argument(1, is: $0, ignoring: 128 | 256)) }
  }

  /// Asking which process and thread this is and which processors it may use (whether spinning makes sense), and giving
  /// the processor up.
  static var identity: [Syscall] {
    [
      .allow("getpid"), .allow("gettid"), .allow("sched_getaffinity", .argument(0, isInt: 0)), .allow("sched_yield"),
    ]
  }

  /// Starting threads of this very process with pthread_create; no other kind of clone.
  static var makingThreads: [Syscall] {
    [
      // Its flags are behind a pointer; the C library then uses clone.
      .refuse("clone3", 38),
      // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, PARENT_SETTID and CHILD_CLEARTID: a thread of glibc.
      .allow("clone", .argument(0, is: 0x3d0f00)),
      // MADV_GUARD_INSTALL and _REMOVE below a stack, from glibc 2.42 on.
      .allow("madvise", .argument(2, isInt: 102)),
      .allow("madvise", .argument(2, isInt: 103)),
      // The C library's own signals for cancellation and setuid, handled from the first thread on.
      .allow("rt_sigaction", .argument(0, isInt: 32)),
      .allow("rt_sigaction", .argument(0, isInt: 33)),
    ] + inThreads
  }

  /// What the C library does in a new thread, in its memory allocator, and at a thread's end.
  static var inThreads: [Syscall] {
    [
      .allow("set_robust_list"), .allow("rseq"), .allow("rt_sigprocmask"),
    ]
  }

  private static var atEmptyPath: UInt32 { 0x1000 }
  private static var readWrite: UInt64 { 3 }
  /// MAP_FIXED, GROWSDOWN, LOCKED, HUGETLB, FIXED_NOREPLACE.
  private static var riskyMappings: UInt64 { 0x10 | 0x100 | 0x2000 | 0x40000 | 0x100000 }
}
