// The words with which a program on the host asks for a port of the guest, as users of Firecracker know them:
// "CONNECT 1234\n", answered by "OK 1073741825\n" once the guest has accepted.

/// A connection request as it comes in, piece by piece.
public struct VsockHandshake: Sendable {
  public enum Progress: Sendable, Equatable {
    /// More must come.
    case incomplete
    /// The port that is asked for.
    case port(UInt32)
    /// These are not the words.
    case refused
  }

  /// "CONNECT 4294967295\n"
  private static let longest = 19
  private var line = InlineArray<19, UInt8>(repeating: 0)
  private var count = 0

  public init() {}

  /// Takes the next byte; nothing may be given to it after anything but `incomplete`.
  public mutating func take(_ byte: UInt8) -> Progress {
    guard count < Self.longest else { return .refused }
    line[count] = byte
    count += 1
    return byte == 0x0a ? parse() : count < Self.longest ? .incomplete : .refused
  }

  private func parse() -> Progress {
    guard count > 9 else { return .refused }
    for (index, letter) in "CONNECT ".utf8.enumerated() where line[index] != letter { return .refused }
    var port: UInt64 = 0
    for index in 8..<(count - 1) {
      guard (0x30...0x39).contains(line[index]) else { return .refused }
      port = port * 10 + UInt64(line[index] - 0x30)
    }
    return port <= UInt64(UInt32.max) ? .port(UInt32(port)) : .refused
  }

  /// The answer to whoever asked.
  public static func accepted(hostPort: UInt32) -> [UInt8] { Array("OK \(hostPort)\n".utf8) }
}
