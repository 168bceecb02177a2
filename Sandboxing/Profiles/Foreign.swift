extension Profile {
  /// A vhost-user back-end that is not Atoll's: a dynamic program with threads and a runtime of its own. It sees the files
  /// that it was given and no others, and what its filter does not allow fails with ENOSYS, so that a library that only
  /// tries goes on.
  ///
  /// `hostNetwork`: it is in the host's network. `confinesItself`: it makes namespaces of its own, for which it keeps what it
  /// needs to do so inside its user namespace.
  public static func foreign(hostNetwork: Bool, confinesItself: Bool) -> Profile {
    Profile(
      name: confinesItself ? "foreign-self" : "foreign",
      holds: "log pipe, the socket to the PCIe host, guest RAM, the files and folders of its description",
      running: Syscall.program + (confinesItself ? Syscall.namespaces : Syscall.clone),
      openFiles: 4096,
      threads: 256,
      dataBytes: 2 << 30,
      writesFiles: true,
      isForeign: true,
      hostNetwork: hostNetwork,
      confinesItself: confinesItself)
  }
}

extension Syscall {
  /// What an ordinary program of a C library does. Deliberately absent: looking into other processes (ptrace, process_vm_*,
  /// pidfd_getfd, kcmp), keys, bpf, perf_event_open, userfaultfd, io_uring, modules, kexec, mounts and namespaces, clocks and
  /// host names, file handles, and every call that is newer than this list.
  static var program: [Syscall] {
    processes + files + paths + sockets + events
  }

  /// A thread or a process, but none in a new namespace: CLONE_NEW* of clone(2). Not clone3, whose flags cannot be looked at:
  /// the C library then uses clone.
  static var clone: [Syscall] { [.allow("clone", .argument(0, hasNone: 0x7e02_0080))] }

  private static var processes: [Syscall] {
    names([
      "exit", "exit_group", "fork", "vfork", "execve", "execveat", "wait4", "waitid", "kill", "tgkill", "tkill",
      "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigpending", "rt_sigtimedwait",
      "rt_sigqueueinfo", "sigaltstack", "restart_syscall", "pause", "alarm", "getitimer", "setitimer", "nanosleep",
      "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "getrusage", "getpid",
      "getppid",
      "gettid", "getpgrp", "getpgid", "setpgid", "getsid", "setsid", "getuid", "geteuid", "getgid", "getegid",
      "getresuid",
      "getresgid", "getgroups", "setuid", "setgid", "setresuid", "setresgid", "setreuid", "setregid", "setgroups",
      "setfsuid", "setfsgid", "capget", "capset", "prctl", "arch_prctl", "seccomp", "set_tid_address",
      "set_robust_list",
      "get_robust_list", "rseq", "membarrier", "futex", "futex_waitv", "sched_yield", "sched_getaffinity",
      "sched_setaffinity", "sched_getparam", "sched_setparam", "sched_getscheduler", "sched_setscheduler",
      "sched_get_priority_max", "sched_get_priority_min", "sched_getattr", "getpriority", "setpriority", "getcpu",
      "brk",
      "mmap", "munmap", "mprotect", "mremap", "madvise", "msync", "mincore", "mlock", "mlock2", "munlock", "mlockall",
      "munlockall", "getrandom", "uname", "sysinfo", "getrlimit", "setrlimit", "prlimit64", "landlock_create_ruleset",
      "landlock_add_rule", "landlock_restrict_self", "pidfd_open", "pidfd_send_signal",
    ])
  }

  private static var files: [Syscall] {
    names([
      "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "close",
      "close_range", "dup", "dup2", "dup3", "fcntl", "flock", "ioctl", "lseek", "fstat", "fstatfs", "fsync",
      "fdatasync",
      "sync_file_range", "syncfs", "ftruncate", "fallocate", "fadvise64", "readahead", "getdents", "getdents64",
      "fchmod",
      "fchown", "fchdir", "fgetxattr", "fsetxattr", "flistxattr", "fremovexattr", "copy_file_range", "sendfile",
      "splice",
      "tee", "vmsplice", "pipe", "pipe2", "memfd_create", "io_setup", "io_submit", "io_getevents", "io_pgetevents",
      "io_cancel", "io_destroy",
    ])
  }

  private static var paths: [Syscall] {
    names([
      "open", "openat", "openat2", "creat", "stat", "lstat", "newfstatat", "statx", "statfs", "access", "faccessat",
      "faccessat2", "readlink", "readlinkat", "getcwd", "chdir", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat",
      "unlink",
      "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "chmod", "fchmodat",
      "chown",
      "lchown", "fchownat", "truncate", "utime", "utimes", "utimensat", "futimesat", "getxattr", "lgetxattr",
      "setxattr",
      "lsetxattr", "listxattr", "llistxattr", "removexattr", "lremovexattr", "umask", "inotify_init", "inotify_init1",
      "inotify_add_watch", "inotify_rm_watch",
    ])
  }

  /// Sockets of files, of the internet, and of the kernel's routing tables.
  private static var sockets: [Syscall] {
    [1, 2, 10, 16].map { .allow("socket", .argument(0, isInt: $0)) }
      + names([
        "socketpair", "bind", "listen", "accept", "accept4", "connect", "shutdown", "getsockopt", "setsockopt",
        "getsockname", "getpeername", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
      ])
  }

  private static var events: [Syscall] {
    names([
      "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
      "epoll_pwait2", "eventfd", "eventfd2", "signalfd", "signalfd4", "timerfd_create", "timerfd_settime",
      "timerfd_gettime",
      "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete",
    ])
  }

  /// Namespaces and mounts.
  static var namespaces: [Syscall] { names(["clone", "mount", "pivot_root", "setns", "umount", "umount2", "unshare"]) }

  private static func names(_ all: [StaticString]) -> [Syscall] { all.map { .allow($0) } }
}
