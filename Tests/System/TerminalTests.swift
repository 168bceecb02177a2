import Control
import Foundation
import Testing

/// The terminal is a person's again on every way out.
@Suite(.serialized, .enabled(if: Programs.areThere))
struct TerminalTests {
  private struct Terminal {
    var outer: Int32 = -1
    var inner: Int32 = -1

    init() throws {
      guard openpty(&outer, &inner, nil, nil, nil) == 0 else { throw Machine.Failure.cannotStart }
    }

    var modes: termios {
      var modes = termios()
      tcgetattr(inner, &modes)
      return modes
    }
    var isRaw: Bool { modes.c_lflag & tcflag_t(ICANON | ECHO | ISIG) == 0 }
    func close() {
      _ = Foundation.close(outer)
      _ = Foundation.close(inner)
    }
  }

  private func waitUntil(_ condition: () -> Bool) throws {
    let end = Date().addingTimeInterval(30)
    while !condition() {
      guard Date() < end else { throw Machine.Failure.tookTooLong("the terminal's modes") }
      usleep(2000)
    }
  }

  private func modesAfter(_ ending: (Machine, Int32) throws -> Void) throws -> (status: Int32, restored: Bool) {
    let terminal = try Terminal()
    defer { terminal.close() }
    let before = terminal.modes
    let machine = try Machine(Machine.guest, terminal: terminal.inner)
    try waitUntil { terminal.isRaw }
    try ending(machine, terminal.outer)
    let status = try machine.end(seconds: 20)
    let after = terminal.modes
    let restored = before.c_lflag == after.c_lflag && before.c_iflag == after.c_iflag && before.c_oflag == after.c_oflag
    return (status, restored)
  }

  @Test func ctrlAXQuitsAndRestores() throws {
    let end = try modesAfter { _, outer in _ = [UInt8]([1, 0x78]).withUnsafeBytes { write(outer, $0.baseAddress, 2) } }
    #expect(end.status == 130 && end.restored)
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
  func signalRestores(_ number: Int32) throws {
    let end = try modesAfter { machine, _ in kill(machine.pid, number) }
    #expect(end.status == 128 + number && end.restored)
  }

  @Test func deathOfTheVMMRestores() throws {
    let end = try modesAfter { machine, _ in
      try waitUntil { (try? machine.process("vmm")?.state) == "running" }
      let pid = try #require(try machine.process("vmm")?.pid)
      kill(pid, SIGKILL)
    }
    #expect(end.status == 3 && end.restored)
  }
}
