extension Profile {
  /// The UART and the debug console: registers in, bytes out and in.
  public static var serial: Profile {
    Profile(
      name: "serial",
      holds: "log pipe, set-up socket, its access ring and state page, its interrupt eventfd, its byte stream",
      running: device,
      openFiles: 32,
      dataBytes: 8 << 20)
  }

  /// What every simple device does for good: serve its ring, move bytes, set a timer, raise an interrupt.
  static var device: [Syscall] {
    Syscall.ending + Syscall.memory + Syscall.descriptors + Syscall.messages + Syscall.futex + Syscall.identity
  }
}
