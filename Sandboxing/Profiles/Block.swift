extension Profile {
  /// The disk: sectors between guest memory and one open file or block device.
  ///
  /// It looks at the disk, locks it and makes its io_uring before the second filter. Afterwards it can make no other ring,
  /// and that one can only read, write, sync and allocate this one file (io_uring_register_restrictions(3)).
  public static var block: Profile {
    Profile(
      name: "block",
      holds:
        "log pipe, set-up socket, vhost-user socket, guest RAM, kicks and calls of its rings, the open disk, its io_uring",
      running: backEnd + [
        .allow("io_uring_enter"),
        // Where the host has no io_uring, and for guest memory that is not aligned for O_DIRECT.
        .allow("preadv"), .allow("pwritev"), .allow("pwritev2"), .allow("fdatasync"), .allow("fallocate"),
      ],
      attaching: [
        .allow("io_uring_setup"), .allow("io_uring_register"),
        .allow("fcntl", .argument(1, isInt: 4)),  // F_SETFL: O_DIRECT
        .allow("fcntl", .argument(1, isInt: 37)),  // F_OFD_SETLK
        .allow("ioctl", .argument(1, is: 0x8008_1272)),  // BLKGETSIZE64
        .allow("ioctl", .argument(1, is: 0x1268)),  // BLKSSZGET
        .allow("ioctl", .argument(1, is: 0x127b)),  // BLKPBSZGET
        .allow("ioctl", .argument(1, is: 0x1279)),  // BLKIOOPT
        .allow("rt_sigaction", .argument(0, isInt: 25)),  // SIGXFSZ
      ],
      openFiles: backEndFiles,
      // The kernel's workers of the ring count: at most 4 for files and 4 for everything else.
      threads: 12,
      dataBytes: 64 << 20,
      lockedBytes: 16 << 20,
      writesFiles: true)
  }
}
