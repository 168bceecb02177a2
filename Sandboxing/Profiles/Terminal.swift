extension Profile {
  /// Between the user's terminal and the serial process. Terminal modes are all that ioctl may do: no TIOCSTI.
  public static var terminal: Profile {
    Profile(
      name: "terminal",
      holds: "standard input and output, log pipe, set-up socket, the serial process' byte stream",
      running: Profile.device + [
        .allow("rt_sigprocmask"),
        .allow("ioctl", .argument(1, is: 0x5413)),  // TIOCGWINSZ
      ] + modes.map { .allow("ioctl", .argument(1, is: $0)) },
      attaching: [.allow("signalfd4"), .allow("timerfd_create")],
      openFiles: 32,
      dataBytes: 8 << 20,
      writesFiles: true,
      keepsTerminal: true)
  }

  /// TCGETS, TCSETS, TCSETSW, TCSETSF and their termios2 forms, which newer C libraries use.
  private static var modes: [UInt64] {
    [0x5401, 0x5402, 0x5403, 0x5404, 0x802c_542a, 0x402c_542b, 0x402c_542c, 0x402c_542d]
  }
}
