/// A port of the host whose connections go to the guest: "tcp:2222:22", "udp:127.0.0.1:5353:53", "tcp:8080:10.0.2.20:80".
public struct ForwardRule: Sendable, Equatable {
  public var isUDP: Bool
  /// IPv4 address to listen at, host byte order; 127.0.0.1 unless said.
  public var hostAddress: UInt32 = 0x7f00_0001
  public var hostPort: UInt16
  /// IPv4 address in the guest's network; 10.0.2.15 unless said.
  public var guestAddress: UInt32 = 0x0a00_020f
  public var guestPort: UInt16

  /// Reads a rule; nil if it is none.
  public init?(_ text: String) {
    let parts = Array(text.utf8).split(separator: 0x3a, omittingEmptySubsequences: false).map { Array($0) }
    guard parts.count >= 3, let isUDP = ForwardRule.protocolIsUDP(parts[0]) else { return nil }
    self.isUDP = isUDP
    var at = 1
    if let address = ForwardRule.address(parts[at]) {
      hostAddress = address
      at += 1
    }
    guard at < parts.count, let port = ForwardRule.port(parts[at]) else { return nil }
    hostPort = port
    at += 1
    if at < parts.count, let address = ForwardRule.address(parts[at]) {
      guestAddress = address
      at += 1
    }
    guard at == parts.count - 1, let port = ForwardRule.port(parts[at]) else { return nil }
    guestPort = port
  }

  private static func protocolIsUDP(_ word: [UInt8]) -> Bool? {
    if word.elementsEqual("tcp".utf8) { return false }
    return word.elementsEqual("udp".utf8) ? true : nil
  }

  private static func port(_ text: [UInt8]) -> UInt16? {
    guard let number = decimal(text, most: 65535), number > 0 else { return nil }
    return UInt16(number)
  }

  private static func decimal(_ text: [UInt8], most: Int) -> Int? {
    guard !text.isEmpty, text.count <= 5 else { return nil }
    var number = 0
    for byte in text {
      guard (0x30...0x39).contains(byte) else { return nil }
      number = number * 10 + Int(byte - 0x30)
    }
    return number <= most ? number : nil
  }

  /// A dotted IPv4 address, host byte order.
  public static func address(_ text: [UInt8]) -> UInt32? {
    let parts = text.split(separator: 0x2e, omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var address: UInt32 = 0
    for part in parts {
      guard let byte = decimal(Array(part), most: 255) else { return nil }
      address = address << 8 | UInt32(byte)
    }
    return address
  }
}
