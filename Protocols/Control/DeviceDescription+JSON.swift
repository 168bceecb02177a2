// Atoll's own devices as JSON; ForeignDescription+JSON has the others.

extension DeviceDescription {
  /// Reads one element of "devices".
  init(_ node: JSONNode) throws(DeviceDescriptionError) {
    guard node.isObject else { throw .notAnObject }
    guard let type = node.member("type") else { throw .missing("type") }
    if type.isString("block") {
      self.init(.block(try BlockDescription(node)))
    } else if type.isString("net") {
      self.init(.net(try NetDescription(node)))
    } else if type.isString("rng") {
      _ = try DeviceFields(node, ["type", "packed"])
      self.init(.rng)
    } else if type.isString("console") {
      self.init(.console(terminal: try DeviceFields(node, ["type", "packed", "terminal"]).flag("terminal")))
    } else if type.isString("vsock") {
      self.init(.vsock(try VsockDescription(node)))
    } else if type.isString("vhost-user") {
      self.init(.foreign(try ForeignDescription(node)))
    } else {
      throw .unknownWord("type", type.string ?? "")
    }
    if let packed = node.member("packed") {
      guard let value = packed.bool else { throw .wrong("packed", needs: "true or false") }
      self.packed = value
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    switch kind {
    case .block(let block): block.write(to: &writer)
    case .net(let net): net.write(to: &writer)
    case .rng: writer.member("type", "rng")
    case .console(let terminal):
      writer.member("type", "console")
      if terminal { writer.member("terminal", flag: true) }
    case .vsock(let vsock):
      writer.member("type", "vsock")
      writer.member("cid", vsock.cid)
      writer.member("path", vsock.path)
    case .foreign(let foreign): foreign.write(to: &writer)
    }
    if packed { writer.member("packed", flag: true) }
    writer.endObject()
  }

  /// Throws unless this can be a device.
  func check() throws(DeviceDescriptionError) {
    switch kind {
    case .block(let block): try block.check()
    case .net(let net): try net.check()
    case .rng, .console: return
    case .vsock(let vsock): try vsock.check()
    case .foreign(let foreign): try foreign.check()
    }
  }
}

extension BlockDescription {
  init(_ node: JSONNode) throws(DeviceDescriptionError) {
    let fields = try DeviceFields(node, ["type", "packed", "path", "readOnly", "queues", "cache"])
    self.init(path: try fields.text("path"))
    readOnly = try fields.flag("readOnly")
    queues = try fields.number("queues", 1...16, needs: "1 to 16") ?? 1
    cache = try fields.choice("cache", Cache.allCases) { $0.word } ?? .writeback
  }

  func write(to writer: inout JSONWriter) {
    writer.member("type", "block")
    writer.member("path", path)
    if readOnly { writer.member("readOnly", flag: true) }
    if queues != 1 { writer.member("queues", queues) }
    if cache != .writeback { writer.member("cache", cache.word.ascii) }
  }

  func check() throws(DeviceDescriptionError) {
    guard !path.utf8.isEmpty else { throw .missing("path") }
    guard (1...16).contains(queues) else { throw .wrong("queues", needs: "1 to 16") }
  }
}

extension NetDescription {
  init(_ node: JSONNode) throws(DeviceDescriptionError) {
    let fields = try DeviceFields(node, ["type", "packed", "mode", "tap", "mac", "queuePairs", "forward"])
    let words: [StaticString] = ["user", "tap"]
    guard let mode = try fields.choice("mode", words, { $0 }) else { throw .missing("mode") }
    let tap = try fields.optionalText("tap")
    let isTap = same(Array("tap".utf8), mode)
    if !isTap, tap != nil { throw .contradiction("\"tap\" names an interface for the mode \"tap\" only") }
    self.init(isTap ? .tap(tap) : .user)
    mac = try fields.optionalText("mac")
    queuePairs = try fields.number("queuePairs", 1...8, needs: "1 to 8") ?? 1
    forward = try fields.texts("forward", limit: 64, needs: "a list of at most 64 strings")
  }

  func write(to writer: inout JSONWriter) {
    writer.member("type", "net")
    switch mode {
    case .user: writer.member("mode", "user")
    case .tap(let name):
      writer.member("mode", "tap")
      if let name { writer.member("tap", name) }
    }
    if let mac { writer.member("mac", mac) }
    if queuePairs != 1 { writer.member("queuePairs", queuePairs) }
    if !forward.isEmpty { writer.member("forward", forward) }
  }

  func check() throws(DeviceDescriptionError) {
    guard (1...8).contains(queuePairs) else { throw .wrong("queuePairs", needs: "1 to 8") }
    if let mac, !NetDescription.isAddress(mac) {
      throw .wrong("mac", needs: "six bytes such as \"52:54:00:12:34:56\", the first of them even")
    }
    switch mode {
    case .user:
      guard queuePairs == 1 else { throw .contradiction("the user network has one pair of queues") }
    case .tap(let name):
      guard forward.isEmpty else { throw .contradiction("\"forward\" is for the mode \"user\" only") }
      // IFNAMSIZ is 16 with the final zero.
      if let name, !(1...15).contains(name.utf8.count) || name.utf8.contains(0x2f) {
        throw .wrong("tap", needs: "the name of an interface, 1 to 15 bytes")
      }
    }
    for rule in forward where !NetDescription.isForward(rule) {
      throw .wrong("forward", needs: "a list of rules such as \"tcp:2222:22\"")
    }
  }

  /// Six bytes in hexadecimal, not a group address.
  static func isAddress(_ text: String) -> Bool {
    let parts = Array(text.utf8).split(separator: 0x3a, omittingEmptySubsequences: false)
    guard parts.count == 6, parts.allSatisfy({ $0.count == 2 && $0.allSatisfy(isHexadecimal) }) else { return false }
    let low = Array(parts[0])[1]
    return (low < 0x3a ? low - 0x30 : (low | 0x20) - 0x57) & 1 == 0
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
  }

  /// tcp or udp, a port of the host, a port of the guest.
  static func isForward(_ text: String) -> Bool {
    let parts = Array(text.utf8).split(separator: 0x3a, omittingEmptySubsequences: false).map { Array($0) }
    guard parts.count == 3, same(parts[0], "tcp") || same(parts[0], "udp") else { return false }
    return parts[1...].allSatisfy { part in
      guard (1...5).contains(part.count), part.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
      return (1...65535).contains(part.reduce(0) { $0 * 10 + Int($1 - 0x30) })
    }
  }
}

extension VsockDescription {
  private static var cids: ClosedRange<Int> { 3...0xffff_fffe }

  init(_ node: JSONNode) throws(DeviceDescriptionError) {
    let fields = try DeviceFields(node, ["type", "packed", "cid", "path"])
    guard let cid = try fields.number("cid", VsockDescription.cids, needs: "3 to 4294967294") else {
      throw .missing("cid")
    }
    self.init(cid: UInt32(cid), path: try fields.text("path"))
  }

  func check() throws(DeviceDescriptionError) {
    guard VsockDescription.cids.contains(Int(cid)) else { throw .wrong("cid", needs: "3 to 4294967294") }
    // sun_path has 108 bytes with the final zero, and _4294967295 comes behind.
    guard (1...90).contains(path.utf8.count) else { throw .wrong("path", needs: "a path of 1 to 90 bytes") }
  }
}
