extension Profile {
  /// The virtio console: bytes between guest memory and the terminal's byte rings.
  public static var console: Profile {
    Profile(
      name: "console",
      holds:
        "log pipe, set-up socket, vhost-user socket, guest RAM, kicks and calls of its rings, the console's byte stream",
      running: backEnd,
      openFiles: backEndFiles,
      dataBytes: 8 << 20)
  }
}
