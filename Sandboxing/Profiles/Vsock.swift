extension Profile {
  /// The vsock device: connections between the guest and Unix sockets in one folder of the host.
  public static var vsock: Profile {
    Profile(
      name: "vsock",
      holds:
        "log pipe, set-up socket, vhost-user socket, guest RAM, kicks and calls of its rings, the folder of its sockets",
      running: backEnd + Profile.sockets + [
        .allow("socket", .argument(0, isInt: 1)),  // AF_UNIX
        .allow("unlink"), .allow("unlinkat", .argument(2, isInt: 0)),
        .allow("newfstatat"), .allow("statx"), .allow("lstat"),
      ],
      openFiles: 480,
      dataBytes: 32 << 20)
  }
}
