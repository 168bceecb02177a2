import ArgumentParser
import Foundation

/// `atoll`: what a person types.
struct Atoll: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "atoll",
    abstract: "Runs LoongArch64 virtual machines in which every device is its own sandboxed process.",
    subcommands: [
      RunCommand.self, ProcessesCommand.self, MapCommand.self, RestartCommand.self, LogsCommand.self,
      PauseCommand.self, ResumeCommand.self, PowerButtonCommand.self, ShutdownCommand.self, GuestCommand.self,
    ])
}

@main
struct Main {
  /// Statuses are those of `ExitStatus`, so that wrong usage is 1 and not ArgumentParser's 64.
  static func main() {
    do {
      var command = try Atoll.parseAsRoot()
      try command.run()
    } catch let error as FetchError {
      fail("\(error)", status: status(error))
    } catch let error as CommandFailure {
      fail(error.sentence, status: error.status)
    } catch {
      let code = Atoll.exitCode(for: error)
      if code == .success || code == .validationFailure { finish(error, code) }
      if let exit = error as? ExitCode { Glibc.exit(exit.rawValue) }
      fail("\(error.localizedDescription)", status: 1)
    }
  }

  private static func finish(_ error: any Error, _ code: ExitCode) -> Never {
    if code == .success { Atoll.exit(withError: error) }
    FileHandle.standardError.write(Data((Atoll.fullMessage(for: error) + "\n").utf8))
    exit(1)
  }

  private static func status(_ error: FetchError) -> Int32 {
    if case .interrupted(let signal) = error { return 128 + signal }
    return 1
  }

  private static func fail(_ sentence: String, status: Int32) -> Never {
    FileHandle.standardError.write(Data("atoll: \(sentence)\n".utf8))
    exit(status)
  }
}
