/// One process of a machine, in the answer to `status`.
public struct ProcessStatus: Sendable {
  /// As in `restart` and `logs`.
  public var name = ""
  /// Process number on the host; 0 while it is not running.
  public var pid: Int32 = 0
  /// What confines it: a profile's name, or "none".
  public var sandbox = ""
  /// starting, running, restarting, abandoned or finished.
  public var state = ""
  /// Register accesses carried out, over all incarnations; requests in a virtio back-end's row.
  public var accesses: UInt64 = 0
  /// Bytes that a virtio back-end took from the guest.
  public var bytesIn: UInt64 = 0
  /// Bytes that it gave to the guest.
  public var bytesOut: UInt64 = 0
  /// Interrupts: sent by a device, taken by the vCPUs in the VMM's row.
  public var interrupts: UInt64 = 0
  /// How often it was started again.
  public var restarts = 0
  /// Nanoseconds from the last death to service again; 0 if it never died.
  public var lastRestart: Int64 = 0
  /// Nanoseconds from spawn to ready, of the last start.
  public var startTime: Int64 = 0

  /// An empty row.
  public init() {}
}

/// A machine, in the answer to `status`.
public struct MachineStatus: Sendable {
  /// The machine's name.
  public var name = ""
  /// starting, running, paused or ending.
  public var state = ""
  /// vCPUs.
  public var vcpus = 0
  /// What runs them: soft or kvm; empty while that is not settled.
  public var hypervisor = ""
  /// Guest RAM in bytes.
  public var memory: UInt64 = 0
  /// Nanoseconds since the supervisor started.
  public var uptime: Int64 = 0
  /// How often the guest asked for a reset.
  public var resets = 0
  /// Guest instructions retired; 0 where the hypervisor cannot count.
  public var instructions: UInt64 = 0
  /// Accesses that left the hypervisor.
  public var exits: UInt64 = 0
  /// Instructions that nothing implements.
  public var unimplemented: UInt64 = 0
  /// Messages through the core on the data or interrupt path: stays 0.
  public var coreMessages: UInt64 = 0
  /// Doorbells and interrupt vectors that devices had bound or unbound: a matter of their drivers' start.
  public var bindings: UInt64 = 0
  /// The supervisor first, then its children.
  public var processes: [ProcessStatus] = []

  /// An empty status.
  public init() {}
}

/// A range of guest physical memory, in the answer to `map`.
public struct MapRow: Sendable {
  /// First guest physical address.
  public var start: UInt64
  /// Bytes.
  public var size: UInt64
  /// What lies there.
  public var region: String
  /// The process that serves it; "-" for RAM.
  public var process: String

  /// A row.
  public init(start: UInt64, size: UInt64, region: String, process: String) {
    self.start = start
    self.size = size
    self.region = region
    self.process = process
  }
}

/// One line of a process' log, in the answer to `logs`.
public struct LogLine: Sendable {
  /// Who wrote it.
  public var process: String
  /// Nanoseconds since 1970-01-01 UTC.
  public var time: Int64
  /// Printable text; what was not is a dot.
  public var text: String

  /// A line.
  public init(process: String, time: Int64, text: String) {
    self.process = process
    self.time = time
    self.text = text
  }
}

/// What the supervisor answers: one JSON object on one line. `logs` has many: lines, then `end` unless it follows.
public enum Reply: Sendable {
  /// The request was carried out.
  case done
  /// It was not; one sentence.
  case error(String)
  /// To `status`.
  case status(MachineStatus)
  /// To `map`.
  case map([MapRow])
  /// To `logs`.
  case log(LogLine)
  /// No more lines.
  case end

  /// The answer's line, with its newline.
  public var json: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    switch self {
    case .done: writer.member("done", flag: true)
    case .end: writer.member("end", flag: true)
    case .error(let sentence): writer.member("error", sentence)
    case .status(let status): status.write(to: &writer)
    case .map(let rows): Reply.write(rows, to: &writer)
    case .log(let line): line.write(to: &writer)
    }
    writer.endObject()
    return writer.line()
  }

  private static func write(_ rows: [MapRow], to writer: inout JSONWriter) {
    writer.beginArray("map")
    for row in rows {
      writer.beginObject()
      writer.member("start", row.start)
      writer.member("size", row.size)
      writer.member("region", row.region)
      writer.member("process", row.process)
      writer.endObject()
    }
    writer.endArray()
  }
}

extension LogLine {
  func write(to writer: inout JSONWriter) {
    writer.beginObject("log")
    writer.member("process", process)
    writer.member("time", time)
    writer.member("text", text)
    writer.endObject()
  }
}

extension MachineStatus {
  func write(to writer: inout JSONWriter) {
    writer.beginObject("status")
    writer.member("name", name)
    writer.member("state", state)
    writer.member("vcpus", vcpus)
    writer.member("hypervisor", hypervisor)
    writer.member("memory", memory)
    writer.member("uptime", uptime)
    writer.member("resets", resets)
    writer.member("instructions", instructions)
    writer.member("exits", exits)
    writer.member("unimplemented", unimplemented)
    writer.member("coreMessages", coreMessages)
    writer.member("bindings", bindings)
    writer.beginArray("processes")
    for process in processes { process.write(to: &writer) }
    writer.endArray()
    writer.endObject()
  }
}

extension ProcessStatus {
  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("name", name)
    writer.member("pid", pid)
    writer.member("sandbox", sandbox)
    writer.member("state", state)
    writer.member("accesses", accesses)
    writer.member("interrupts", interrupts)
    writer.member("bytesIn", bytesIn)
    writer.member("bytesOut", bytesOut)
    writer.member("restarts", restarts)
    writer.member("lastRestart", lastRestart)
    writer.member("startTime", startTime)
    writer.endObject()
  }
}
