extension Profile {
  /// The only process that all others trust: vCPUs, interrupt controller, address map. It makes its threads and maps
  /// guest RAM at a huge-page boundary before the second filter, and neither afterwards.
  public static var vmm: Profile {
    Profile(
      name: "vmm",
      holds: "log pipe, set-up socket, guest RAM, every ring, every interrupt and doorbell eventfd",
      running: Profile.device + Syscall.inThreads + [
        .allow("epoll_wait"),
        .allow("epoll_pwait"),
        .allow("epoll_ctl"),
        .allow("preadv2"),  // a doorbell that somebody filled, so that nobody waits for room in it
        .allow("dup3"),  // a restarted device's new eventfd in the place of the old one
      ],
      attaching: Syscall.makingThreads + [
        // MAP_FIXED into the room that it has just reserved.
        .allow("mmap", .argument(2, hasNone: ~3)),
        .allow("epoll_create1"),
        .allow("eventfd2"),
        .allow("timerfd_create"),
      ],
      openFiles: 500,
      threads: 300,
      dataBytes: 2 << 30)
  }
}
