extension Profile {
  /// What every back-end of a virtio function does for good: serve vhost-user and rings in guest memory that it is given.
  /// Not F_SETFL, as for all devices: it holds the doorbells that the VMM signals.
  static var backEnd: [Syscall] {
    device + [
      .allow("epoll_create1"),
      .allow("epoll_ctl"),
      .allow("epoll_wait"),
      .allow("epoll_pwait"),
      .allow("epoll_pwait2"),
    ]
  }

  /// Descriptors of a back-end: log, set-up socket, front-end, 8 memory files, kick, call and error of 32 rings, in-flight
  /// log; some of them twice while a new front-end takes over.
  static var backEndFiles: Int { 256 }
}
