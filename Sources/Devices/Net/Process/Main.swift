import CSystem
import NetModel
import System
import VhostDevice

/// A network card for a guest, as a vhost-user back-end: a tap of the host, or a user-mode network that needs no privilege.
@main struct Main {
  static func main() {
    let description = BackEndIdentity(name: "atoll-net", type: "net")
    if isGiven("--user") {
      BackEndProgram.run(description) { (options) throws(UsageError) in
        try NetDevice(userLink(&options), mac: mac(&options), mtu: mtu, control: options.flag("--control-queue"))
      }
    } else {
      BackEndProgram.run(description) { (options) throws(UsageError) in
        try NetDevice(TapLink(taps(&options)), mac: mac(&options), mtu: mtu, control: options.flag("--control-queue"))
      }
    }
  }

  /// Bytes of a frame's payload, as Ethernet has it.
  private static var mtu: UInt16 { 1500 }
  /// Most pairs of queues.
  private static var pairs: ClosedRange<Int> { 1...8 }

  /// The kind of link is part of the program's type, so that it must be known before options are taken.
  private static func isGiven(_ name: StaticString) -> Bool {
    var index: Int32 = 1
    while let argument = atoll_argument(index) {
      if String(cString: argument).utf8.elementsEqual(name.text.utf8) { return true }
      index += 1
    }
    return false
  }

  private static func mac(_ options: inout Options) throws(UsageError) -> MACAddress {
    let text = try options.value("--mac") ?? "52:54:00:12:34:56"
    guard let mac = MACAddress(text) else { throw UsageError("--mac=\(text) is not the address of a network card") }
    return mac
  }

  private static func taps(_ options: inout Options) throws(UsageError) -> [Int32] {
    if let given = try options.descriptors("--tap-fds", count: pairs) { return given }
    guard let name = try options.value("--tap") else {
      throw UsageError("one of --user, --tap and --tap-fds must say what the network card is plugged into")
    }
    let count = try options.number("--queue-pairs", in: pairs) ?? 1
    return try (0..<count).map { (_) throws(UsageError) in
      let tap = name.withUTF8Z { atoll_tap_open($0, count > 1 ? 1 : 0) }
      guard tap >= 0 else { throw UsageError("the tap \(name) cannot be used: \(Errno.text(-tap))") }
      return tap
    }
  }

  private static func userLink(_ options: inout Options) throws(UsageError) -> UserLink {
    _ = options.flag("--user")
    var nameServer: UInt32 = 0
    if let text = try options.value("--dns") {
      guard let address = ForwardRule.address(Array(text.utf8)) else {
        throw UsageError("--dns=\(text) is not an IPv4 address")
      }
      nameServer = address
    }
    let ipv6 = options.flag("--ipv6")
    guard let link = UserLink(dns: nameServer, dns6: nil, ipv6: ipv6, mtu: Int32(mtu)) else {
      throw UsageError("there is no memory for the network")
    }
    for text in try options.values("--forward") {
      guard let rule = ForwardRule(text) else {
        throw UsageError("--forward=\(text) is not tcp or udp, a port of the host and a port of the guest")
      }
      guard link.forward(rule) else { throw UsageError("--forward=\(text): the host's port cannot be had") }
    }
    return link
  }
}
