extension Profile {
  /// What every back-end of a virtio function does for good: serve vhost-user and rings in guest memory that it is given.
  /// F_SETFL and F_ADD_SEALS can do nothing here but keep a front-end from holding it up or taking its memory away; O_NONBLOCK
  /// cannot be cleared, as for all devices: it holds the doorbells that the VMM signals.
  static var backEnd: [Syscall] {
    device + [
      .allow("epoll_create1"),
      .allow("epoll_ctl"),
      .allow("epoll_wait"),
      .allow("epoll_pwait"),
      .allow("epoll_pwait2"),
      // F_SETFL: O_NONBLOCK on, access mode as it is.
      .allow("fcntl", .argument(1, isInt: 4), .argument(2, is: 0x800, ignoring: 0x8003)),
      .allow("fcntl", .argument(1, isInt: 1033), .argument(2, is: 2)),  // F_SEAL_SHRINK
    ]
  }

  /// Descriptors of a back-end: log, set-up socket, front-end, 8 memory files, kick, call and error of 32 rings, in-flight
  /// log; some of them twice while a new front-end takes over.
  static var backEndFiles: Int { 256 }
}
