extension Profile {
  /// The network card on a tap: frames between guest memory and descriptors that the supervisor opened. It has no other
  /// network.
  public static var net: Profile {
    Profile(
      name: "net",
      holds: "log pipe, set-up socket, vhost-user socket, guest RAM, kicks and calls of its rings, the tap's queues",
      running: backEnd + [
        .allow("readv"),
        .allow("ioctl", .argument(1, is: 0x4004_54d0)),  // TUNSETOFFLOAD
        .allow("ioctl", .argument(1, is: 0x4004_54d9)),  // TUNSETQUEUE
      ],
      openFiles: backEndFiles,
      dataBytes: 16 << 20)
  }

  /// The network card with address translation in user space: it connects for the guest, as an ordinary program of the
  /// host's network. It can reach whatever the supervisor's user can reach, which is its purpose.
  public static var netUser: Profile {
    Profile(
      name: "net-user",
      holds: "log pipe, set-up socket, vhost-user socket, guest RAM, kicks and calls of its rings, the host's network",
      running: backEnd + sockets + [
        .allow("recvfrom"), .allow("sendto"), .allow("readv"), .allow("getrandom"),
        // Internet sockets of bytes and datagrams, and echo sockets. Not raw ones, nor those of the kernel's own protocols.
        .allow("socket", .argument(0, isInt: 2)),
        .allow("socket", .argument(0, isInt: 10)),
        .allow("fcntl", .argument(1, isInt: 4)),  // F_SETFL: sockets are made blocking and switched
        .allow("ioctl", .argument(1, is: 0x541b)),  // FIONREAD
        .allow("ioctl", .argument(1, is: 0x5421)),  // FIONBIO
      ],
      // The seed of its generator, from the one device in its root.
      attaching: [.allow("openat")],
      openFiles: 480,
      dataBytes: 64 << 20,
      hostNetwork: true)
  }

  /// What one does with a socket once it is there.
  static var sockets: [Syscall] {
    [
      .allow("bind"), .allow("listen"), .allow("accept"), .allow("accept4"), .allow("connect"), .allow("shutdown"),
      .allow("getsockopt"), .allow("setsockopt"), .allow("getsockname"), .allow("getpeername"),
    ]
  }
}
