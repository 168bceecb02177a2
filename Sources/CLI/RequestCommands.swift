import ArgumentParser
import Control

/// `atoll restart`
struct RestartCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart", abstract: "Ends a process and waits until its successor is in service.")

  @Argument(help: "serial, rtc, power, pcie, terminal, or a back-end such as block0.") var process: String
  @OptionGroup var machine: MachineChoice

  func run() throws { _ = try machine.connect().ask(.restart(name: process)) }
}

/// `atoll pause`
struct PauseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "pause", abstract: "Stops the guest's CPUs.")
  @OptionGroup var machine: MachineChoice
  func run() throws { _ = try machine.connect().ask(.pause) }
}

/// `atoll resume`
struct ResumeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "resume", abstract: "Lets the guest's CPUs run again.")
  @OptionGroup var machine: MachineChoice
  func run() throws { _ = try machine.connect().ask(.resume) }
}

/// `atoll powerbutton`
struct PowerButtonCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "powerbutton", abstract: "Presses the guest's power button.")
  @OptionGroup var machine: MachineChoice
  func run() throws { _ = try machine.connect().ask(.powerButton) }
}

/// `atoll shutdown`
struct ShutdownCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shutdown", abstract: "Ends the machine without asking the guest.")
  @OptionGroup var machine: MachineChoice

  func run() throws {
    let client = try machine.connect()
    _ = try client.ask(.shutdown)
    // The machine closes the connection when nothing of it is left.
    while try client.receive() != nil {}
  }
}

/// `atoll logs`
struct LogsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Shows what the machine's processes wrote to their logs.")

  @Argument(help: "A process as in `atoll ps`; all if absent.") var process: String?
  @Flag(name: .shortAndLong, help: "Go on with what they write from now on.") var follow = false
  @OptionGroup var machine: MachineChoice

  func run() throws {
    let client = try machine.connect()
    try client.send(.logs(name: process, follow: follow))
    while let reply = try client.receive() {
      switch reply {
      case .log(let line): print("\(TimeText.clock(line.time)) \(line.process): \(line.text)")
      case .end: return
      default: continue
      }
    }
  }
}
