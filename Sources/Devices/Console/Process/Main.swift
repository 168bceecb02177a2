import ConsoleModel
import System
import VhostDevice

/// A console for a guest, as a vhost-user back-end.
///
/// At most one of `--console-fds=SEGMENT,WAKE,KICK` (a console segment and its two eventfds), `--stdio` and `--unix-path=PATH` (listens
/// there); without one, nobody is at the other end. `--size=COLUMNSxROWS` tells the guest how large its terminal is.
@main struct Main {
  static func main() {
    BackEndProgram.run(.init(name: "atoll-console", type: "console", features: [])) {
      (options) throws(UsageError) in
      ConsoleDevice(try configuration(&options), try line(&options))
    }
  }

  private static func configuration(_ options: inout Options) throws(UsageError) -> ConsoleConfiguration {
    guard let text = try options.value("--size") else { return ConsoleConfiguration() }
    guard let size = ConsoleSize(text) else { throw UsageError("--size=\(text) is not COLUMNSxROWS") }
    return ConsoleConfiguration(size: size)
  }

  private static func line(_ options: inout Options) throws(UsageError) -> any ConsoleLine {
    let segment = try options.descriptors("--console-fds", count: 3...3)
    let (isStdio, path) = (options.flag("--stdio"), try options.value("--unix-path"))
    do throws(SystemError) {
      switch (segment, isStdio, path) {
      case (let numbers?, false, nil):
        return try SegmentLine(segment: numbers[0], wake: numbers[1], kick: numbers[2])
      case (nil, true, nil): return StreamLine(input: 0, output: 1, isSocket: false)
      case (nil, false, let path?): return try SocketLine(path: path)
      case (nil, false, nil): return NullLine()
      default: break
      }
    } catch { throw UsageError(error.sentence) }
    throw UsageError("--console-fds, --stdio and --unix-path exclude each other")
  }
}
