extension ForeignDescription {
  private static var members: [StaticString] {
    [
      "type", "packed", "device", "queues", "config", "socket", "program", "arguments", "connection", "root", "binds",
      "hostNetwork", "confinesItself",
    ]
  }

  init(_ node: JSONNode) throws(DeviceDescriptionError) {
    let fields = try DeviceFields(node, ForeignDescription.members)
    guard let device = try fields.choice("device", VirtioDevice.allCases, { $0.word }) else { throw .missing("device") }
    self.init(device, try ForeignDescription.backEnd(node, fields))
    queues = try fields.number("queues", 0...32, needs: "0 to 32") ?? 0
    if let text = try fields.optionalText("config") {
      guard let bytes = Hexadecimal.bytes(text), bytes.count <= 256 else {
        throw .wrong("config", needs: "at most 256 bytes in hexadecimal")
      }
      config = bytes
    }
  }

  private static func backEnd(_ node: JSONNode, _ fields: DeviceFields) throws(DeviceDescriptionError) -> BackEnd {
    let socket = try fields.optionalText("socket")
    guard let program = try fields.optionalText("program") else {
      guard let socket else { throw .contradiction("a vhost-user device needs either \"program\" or \"socket\"") }
      return .socket(socket)
    }
    guard socket == nil else { throw .contradiction("a vhost-user device has either \"program\" or \"socket\"") }
    return .program(try ForeignProgram(program, fields))
  }

  func write(to writer: inout JSONWriter) {
    writer.member("type", "vhost-user")
    writer.member("device", device.word.ascii)
    if queues != 0 { writer.member("queues", queues) }
    if !config.isEmpty { writer.member("config", Hexadecimal.text(config)) }
    switch backEnd {
    case .socket(let path): writer.member("socket", path)
    case .program(let program): program.write(to: &writer)
    }
  }

  func check() throws(DeviceDescriptionError) {
    guard (0...32).contains(queues) else { throw .wrong("queues", needs: "0 to 32") }
    guard config.count <= 256 else { throw .wrong("config", needs: "at most 256 bytes in hexadecimal") }
    switch backEnd {
    case .socket(let path):
      guard (1...107).contains(path.utf8.count) else { throw .wrong("socket", needs: "a path of 1 to 107 bytes") }
    case .program(let program): try program.check()
    }
  }
}

extension ForeignProgram {
  init(_ path: String, _ fields: DeviceFields) throws(DeviceDescriptionError) {
    self.init(path: path)
    arguments = try fields.texts("arguments", limit: 15, needs: "a list of at most 15 strings")
    connection = try fields.choice("connection", Connection.allCases) { $0.word } ?? .listening
    root = try fields.optionalText("root")
    hostNetwork = try fields.flag("hostNetwork")
    confinesItself = try fields.flag("confinesItself")
    for node in try fields.nodes("binds", needs: "a list of objects") {
      let bind = try DeviceFields(node, ["path", "at", "writable"])
      binds.append(Bind(path: try bind.text("path"), at: try bind.text("at"), writable: try bind.flag("writable")))
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.member("program", path)
    if !arguments.isEmpty { writer.member("arguments", arguments) }
    if connection != .listening { writer.member("connection", connection.word.ascii) }
    if let root { writer.member("root", root) }
    if hostNetwork { writer.member("hostNetwork", flag: true) }
    if confinesItself { writer.member("confinesItself", flag: true) }
    guard !binds.isEmpty else { return }
    writer.beginArray("binds")
    for bind in binds {
      writer.beginObject()
      writer.member("path", bind.path)
      writer.member("at", bind.at)
      if bind.writable { writer.member("writable", flag: true) }
      writer.endObject()
    }
    writer.endArray()
  }

  func check() throws(DeviceDescriptionError) {
    guard ForeignProgram.isAbsolute(path) else { throw .wrong("program", needs: "an absolute path without \"..\"") }
    guard arguments.count <= 15 else { throw .wrong("arguments", needs: "a list of at most 15 strings") }
    guard arguments.reduce(path.utf8.count, { $0 + $1.utf8.count }) <= 3900 else {
      throw .wrong("arguments", needs: "at most 3900 bytes together")
    }
    guard binds.count <= 4 else { throw .wrong("binds", needs: "a list of at most 4 objects") }
    for bind in binds where !ForeignProgram.isAbsolute(bind.at) || bind.path.utf8.isEmpty {
      throw .wrong("at", needs: "an absolute path without \"..\"")
    }
  }

  /// "/a/b": neither empty parts nor "." or "..".
  static func isAbsolute(_ path: String) -> Bool {
    let parts = Array(path.utf8).split(separator: 0x2f, omittingEmptySubsequences: false).map { Array($0) }
    guard parts.count > 1, parts[0].isEmpty else { return false }
    return parts[1...].allSatisfy { !$0.isEmpty && !same($0, ".") && !same($0, "..") }
  }
}

/// Bytes as pairs of hexadecimal digits.
enum Hexadecimal {
  static func bytes(_ text: String) -> [UInt8]? {
    let digits = text.utf8.map { digit($0) }
    guard digits.count % 2 == 0, !digits.contains(where: { $0 == nil }) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { (digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0) }
  }

  static func text(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for byte in bytes { text += [character(byte >> 4), character(byte & 15)] }
    return String(decoding: text, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }
  private static func character(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
