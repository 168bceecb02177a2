extension Profile {
  /// The LS7A real-time clock: the host's clock, read only, and alarms.
  public static var rtc: Profile {
    Profile(
      name: "rtc",
      holds: "log pipe, set-up socket, its access ring and state page, its interrupt eventfd, a timer",
      running: device,
      openFiles: 32,
      dataBytes: 8 << 20)
  }
}
