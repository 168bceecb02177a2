extension Profile {
  /// What firmware asks the machine about: items in a file that it was given, read once.
  public static var firmwareConfig: Profile {
    Profile(
      name: "fwcfg",
      holds: "log pipe, set-up socket, its access ring and state page, a memory file with the items",
      running: device + [.allow("pread64")],
      openFiles: 32,
      dataBytes: 8 << 20)
  }
}
