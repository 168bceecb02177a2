/// How a machine ended, as the exit status of `atoll-supervisor` and so of `atoll run`.
public enum ExitStatus: Int32, Sendable, CaseIterable {
  /// The guest switched its power off, or a person asked for the end with `atoll shutdown`. Ctrl-A x counts as SIGINT.
  case poweredOff = 0
  /// The command line, the machine description or a guest file is not usable.
  case badInput = 1
  /// The guest's kernel panicked.
  case guestPanic = 2
  /// A vCPU cannot continue, or the VMM itself died.
  case vcpuFailure = 3
  /// A device, the loader or the terminal could not be kept alive.
  case processLost = 4
  /// A sandbox cannot be set up on this host.
  case sandboxUnavailable = 5
  /// The host has no memory, descriptors or processes left.
  case hostFailure = 6

  /// The status after a signal: 128 + its number, as shells report it.
  public static func signal(_ number: Int32) -> Int32 { 128 + number }
}
