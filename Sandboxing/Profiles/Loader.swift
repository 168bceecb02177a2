extension Profile {
  /// Unpacks an untrusted kernel into guest RAM and exits before the guest's first instruction.
  public static var loader: Profile {
    Profile(
      name: "loader",
      holds: "log pipe, set-up socket, guest RAM, the kernel and initrd files opened for reading",
      running: Syscall.ending + Syscall.memory + Syscall.descriptors + Syscall.messages + Syscall.identity + [
        .allow("pread64"),
        .allow("lseek"),
        // Guest RAM is mapped with MAP_FIXED at a huge-page boundary, into room that was just reserved for it.
        .allow("mmap", .argument(2, hasNone: ~3)),
      ],
      openFiles: 32,
      dataBytes: 512 << 20)
  }
}
