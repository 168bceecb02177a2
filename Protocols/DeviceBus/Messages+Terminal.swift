// The messages between supervisor and terminal.

/// 96: the first message to the terminal. Descriptors: console segment, console-wake eventfd (it waits for it),
/// console-kick eventfd (it signals it). A repeat, after a new incarnation of the device, replaces both eventfds.
public struct AttachConsole: EmptyMessage, Equatable {
  public static var request: Request { .attachConsole }
  public var descriptorCount: Int { 3 }
  public init() {}
}

/// 97: write out what the guest has said, restore the terminal, exit with status 0.
public struct Finish: EmptyMessage, Equatable {
  public static var request: Request { .finish }
  public init() {}
}

/// 112: the terminal serves the console from now on.
public struct TerminalReady: EmptyMessage, Equatable {
  public static var request: Request { .terminalReady }
  public init() {}
}

/// 113: the person typed Ctrl-A x: end the machine.
public struct Quit: EmptyMessage, Equatable {
  public static var request: Request { .quit }
  public init() {}
}

/// 114: standard input has ended and all of it has been delivered.
public struct InputClosed: EmptyMessage, Equatable {
  public static var request: Request { .inputClosed }
  public init() {}
}

/// 115: the device broke the console ring's rules; its process is to be ended.
public struct ConsoleFault: EmptyMessage, Equatable {
  public static var request: Request { .consoleFault }
  public init() {}
}
