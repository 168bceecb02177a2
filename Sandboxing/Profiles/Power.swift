extension Profile {
  /// Power button, power-off and reset: what the guest asks for goes to the supervisor as a message.
  public static var power: Profile {
    Profile(
      name: "power",
      holds: "log pipe, set-up socket, its access ring and state page, its interrupt eventfd",
      running: device,
      openFiles: 32,
      dataBytes: 8 << 20)
  }
}
