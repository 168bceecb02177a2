// The client's side: reading what the supervisor answered.

extension Reply {
  /// Reads one line of an answer; nil if it is none.
  public static func parse(_ line: [UInt8]) -> Reply? {
    guard let root = try? JSONDocument.parse(line) else { return nil }
    if let sentence = root.member("error")?.string { return .error(sentence) }
    if let status = root.member("status") { return .status(MachineStatus(status)) }
    if let map = root.member("map") { return .map(map.elements.map { MapRow($0) }) }
    if let log = root.member("log") { return .log(LogLine(log)) }
    if root.member("done")?.bool == true { return .done }
    return root.member("end")?.bool == true ? .end : nil
  }
}

extension JSONNode {
  fileprivate func text(_ key: StaticString) -> String { member(key)?.string ?? "" }
  fileprivate func number<I: FixedWidthInteger>(_ key: StaticString) -> I {
    I(truncatingIfNeeded: member(key)?.integer ?? 0)
  }
}

extension MachineStatus {
  init(_ node: JSONNode) {
    name = node.text("name")
    state = node.text("state")
    vcpus = node.number("vcpus")
    hypervisor = node.text("hypervisor")
    memory = node.number("memory")
    uptime = node.number("uptime")
    resets = node.number("resets")
    instructions = node.number("instructions")
    exits = node.number("exits")
    unimplemented = node.number("unimplemented")
    coreMessages = node.number("coreMessages")
    bindings = node.number("bindings")
    processes = node.member("processes")?.elements.map { ProcessStatus($0) } ?? []
  }
}

extension ProcessStatus {
  init(_ node: JSONNode) {
    name = node.text("name")
    pid = node.number("pid")
    sandbox = node.text("sandbox")
    state = node.text("state")
    accesses = node.number("accesses")
    interrupts = node.number("interrupts")
    bytesIn = node.number("bytesIn")
    bytesOut = node.number("bytesOut")
    restarts = node.number("restarts")
    lastRestart = node.number("lastRestart")
    startTime = node.number("startTime")
  }
}

extension MapRow {
  init(_ node: JSONNode) {
    self.init(
      start: node.number("start"), size: node.number("size"), region: node.text("region"),
      process: node.text("process"))
  }
}

extension LogLine {
  init(_ node: JSONNode) {
    self.init(process: node.text("process"), time: node.number("time"), text: node.text("text"))
  }
}
