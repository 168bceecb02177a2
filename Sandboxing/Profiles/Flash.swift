extension Profile {
  /// The flash with the firmware's variables: registers in, a file that it was given read and written.
  public static var flash: Profile {
    Profile(
      name: "flash",
      holds: "log pipe, set-up socket, its access ring and state page, the file with the firmware's variables",
      running: device + [.allow("pread64"), .allow("pwrite64")],
      openFiles: 32,
      dataBytes: 8 << 20,
      writesFiles: true)
  }
}
