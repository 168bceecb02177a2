extension Profile {
  /// Entropy: bytes of the host's generator into guest memory.
  public static var rng: Profile {
    Profile(
      name: "rng",
      holds: "log pipe, set-up socket, vhost-user socket, guest RAM, kicks and calls of its ring",
      running: backEnd + [.allow("getrandom")],
      openFiles: backEndFiles,
      dataBytes: 8 << 20)
  }
}
