extension Profile {
  /// The PCIe host: configuration space and virtio registers, eventfds for doorbells and vectors, a vhost-user socket for
  /// each function. It hands guest memory on, reads a ring's index in it where a back-end keeps no log, and never maps it.
  public static var pcie: Profile {
    Profile(
      name: "pcie",
      holds:
        "log pipe, set-up socket, ring and state page, sockets to the VMM and each back-end, guest memory to hand on",
      running: device + [
        .allow("eventfd2"),  // one for each doorbell and vector that a guest takes into use
        .allow("epoll_ctl"),
        .allow("epoll_wait"),
        .allow("epoll_pwait"),
        .allow("pread64"),
        // A pair without a name, for the channel of a back-end that is attached: AF_UNIX, SOCK_STREAM, close-on-exec,
        // non-blocking. Neither end can be connected to anything else.
        .allow("socketpair", .argument(0, isInt: 1), .argument(1, isInt: 0x80801), .argument(2, isInt: 0)),
      ],
      attaching: [.allow("epoll_create1")],
      openFiles: 500,
      dataBytes: 8 << 20)
  }
}
