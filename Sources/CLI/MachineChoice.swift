import ArgumentParser

/// Which running machine a command is for.
struct MachineChoice: ParsableArguments {
  @Option(help: "Name of the machine; needed if several run.") var name: String?
  @Option(help: "Path of the machine's control socket.") var control: String?

  /// A connection to it.
  func connect() throws -> ControlClient { try ControlClient(MachineSockets.choose(name: name, control: control)) }
}
