/// What a person asks a running machine for: one JSON object on one line.
public enum ControlRequest: Sendable, Equatable {
  /// The machine and its processes, with counters.
  case status
  /// Guest physical memory, region by region.
  case map
  /// Ends a process (SIGKILL) and lets the restart take over.
  case restart(name: String)
  /// What processes wrote to their logs: all of them, or one; with `follow` also what they write from now on.
  case logs(name: String?, follow: Bool)
  /// Stops the vCPUs.
  case pause
  /// Lets them run again.
  case resume
  /// Presses the guest's power button.
  case powerButton
  /// Ends the machine without asking the guest.
  case shutdown

  /// Requests are equal if they are written in the same way.
  public static func == (a: ControlRequest, b: ControlRequest) -> Bool {
    a.json.elementsEqual(b.json)
  }
}

/// Why a request is refused; `sentence` is what the client is told.
public enum ControlError: Error, Sendable {
  /// The line is not JSON.
  case notJSON(JSONError)
  /// JSON, but no object with a string "request".
  case noRequest
  /// A request that does not exist.
  case unknownRequest(String)
  /// A member that this request does not have.
  case unknownMember(String)
  /// The request lacks "name", or it is no string.
  case noName
  /// "follow" is neither true nor false.
  case badFollow
  /// More than `ControlLimits.line` bytes without a newline.
  case longLine

  /// One sentence for a person.
  public var sentence: String {
    switch self {
    case .notJSON(let error): "the request is \(error.sentence)"
    case .noRequest: "a request is a JSON object with a string member \"request\""
    case .unknownRequest(let name): "there is no request \"\(printable(name))\""
    case .unknownMember(let key): "the request has no member called \"\(printable(key))\""
    case .noName: "the request needs the name of a process as \"name\""
    case .badFollow: "\"follow\" must be true or false"
    case .longLine: "a request has at most \(ControlLimits.line) bytes"
    }
  }
}

/// What the supervisor puts up with.
public enum ControlLimits {
  /// Bytes of a request, its newline not among them.
  public static let line = 4096
  /// Clients at once.
  public static let clients = 8
  /// Bytes of answers that a client may leave unread before it is dropped.
  public static let unread = 1 << 20
}

extension ControlRequest {
  /// Reads one line, without its newline. The bytes are hostile.
  public static func parse(_ line: [UInt8]) throws(ControlError) -> ControlRequest {
    guard line.count <= ControlLimits.line else { throw .longLine }
    let root: JSONNode
    do { root = try JSONDocument.parse(line) } catch { throw .notJSON(error) }
    guard let word = root.member("request"), let text = word.string else { throw .noRequest }
    guard let plain = simple.first(where: { word.isString($0.word) }) else { return try parseNamed(root, word, text) }
    try only(["request"], root)
    return plain.request
  }

  private static var simple: [(word: StaticString, request: ControlRequest)] {
    [
      ("status", .status), ("map", .map), ("pause", .pause), ("resume", .resume), ("powerButton", .powerButton),
      ("shutdown", .shutdown),
    ]
  }

  /// The request that is nothing but this word; nil if there is none.
  public static func plain(_ word: String) -> ControlRequest? {
    for known in simple where known.word.ascii.utf8.elementsEqual(word.utf8) { return known.request }
    return nil
  }

  private static func parseNamed(_ root: JSONNode, _ word: JSONNode, _ text: String) throws(ControlError) -> Self {
    if word.isString("restart") {
      try only(["request", "name"], root)
      guard let name = root.member("name")?.string else { throw .noName }
      return .restart(name: name)
    }
    guard word.isString("logs") else { throw .unknownRequest(text) }
    try only(["request", "name", "follow"], root)
    return .logs(name: try optionalName(root), follow: try follow(root))
  }

  private static func optionalName(_ root: JSONNode) throws(ControlError) -> String? {
    guard let node = root.member("name") else { return nil }
    guard let name = node.string else { throw .noName }
    return name
  }

  private static func follow(_ root: JSONNode) throws(ControlError) -> Bool {
    guard let node = root.member("follow") else { return false }
    guard let value = node.bool else { throw .badFollow }
    return value
  }

  private static func only(_ known: [StaticString], _ root: JSONNode) throws(ControlError) {
    if let key = root.keyOutside(known) { throw .unknownMember(key) }
  }

  /// The line that `parse` reads, with its newline.
  public var json: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    switch self {
    case .restart(let name):
      writer.member("request", "restart")
      writer.member("name", name)
    case .logs(let name, let follow):
      writer.member("request", "logs")
      if let name { writer.member("name", name) }
      if follow { writer.member("follow", flag: true) }
    case .status: writer.member("request", "status")
    case .map: writer.member("request", "map")
    case .pause: writer.member("request", "pause")
    case .resume: writer.member("request", "resume")
    case .powerButton: writer.member("request", "powerButton")
    case .shutdown: writer.member("request", "shutdown")
    }
    writer.endObject()
    return writer.line()
  }
}
