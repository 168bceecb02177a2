/// What the person typed, with the commands taken out.
///
/// Ctrl-A starts a command: `x` quits, `h` shows help, Ctrl-A sends a Ctrl-A; any other key is sent with its Ctrl-A.
/// Only a terminal has commands: what comes through a pipe reaches the guest byte for byte.
struct Keyboard {
  /// What a chunk of input asks for beside its bytes.
  enum Command {
    case quit
    case help
  }

  static let escape: UInt8 = 1
  static let help = "\r\nCtrl-A x  end the virtual machine\r\nCtrl-A h  this help\r\nCtrl-A Ctrl-A  send Ctrl-A\r\n"

  private var escaped = false

  /// Turns what was read into what the guest gets, in place, and returns the commands. At most one byte more than was read
  /// comes out: a Ctrl-A that was held back.
  mutating func translate(_ bytes: inout [UInt8]) -> [Command] {
    var commands: [Command] = []
    var out: [UInt8] = []
    for byte in bytes {
      guard escaped else {
        if byte == Self.escape { escaped = true } else { out.append(byte) }
        continue
      }
      escaped = false
      switch byte {
      case UInt8(ascii: "x"), UInt8(ascii: "X"): commands.append(.quit)
      case UInt8(ascii: "h"), UInt8(ascii: "H"), UInt8(ascii: "?"): commands.append(.help)
      case Self.escape: out.append(byte)
      default: out += [Self.escape, byte]
      }
    }
    bytes = out
    return commands
  }
}
