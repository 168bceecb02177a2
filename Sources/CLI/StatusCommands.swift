import ArgumentParser
import Control
import Foundation

/// `atoll ps`
struct ProcessesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ps", abstract: "Shows the machine's processes.",
    discussion: """
      CPU is the share of one core over a quarter of a second. RSS includes guest RAM, PRIVATE neither it nor the \
      program. Of a virtio back-end, ACCESSES are requests, IN is what it took from the guest and OUT what it gave. START is the time from spawn to ready; RESTARTS says in brackets how long the last one took from death to \
      service.
      """)

  @OptionGroup var machine: MachineChoice

  func run() throws {
    let client = try machine.connect()
    let before = try status(client)
    let first = before.processes.map { ProcessUsage(pid: $0.pid) }
    let start = DispatchTime.now().uptimeNanoseconds
    usleep(250_000)
    let after = try status(client)
    let span = Double(DispatchTime.now().uptimeNanoseconds - start)
    printHead(after)
    var table = Table(
      [
        "PROCESS", "PID", "STATE", "SANDBOX", "CPU", "RSS", "PRIVATE", "ACCESSES", "IN", "OUT", "INTERRUPTS", "START",
        "RESTARTS",
      ],
      alignRight: [1, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    for process in after.processes {
      let earlier = zip(before.processes, first).first { $0.0.pid == process.pid }?.1
      table.add(row(process, earlier, span))
    }
    print(table.text)
  }

  private func status(_ client: ControlClient) throws -> MachineStatus {
    guard case .status(let status) = try client.ask(.status) else {
      throw CommandFailure("the machine's answer makes no sense")
    }
    return status
  }

  private func printHead(_ status: MachineStatus) {
    let count = status.vcpus == 1 ? "1 CPU" : "\(status.vcpus) CPUs"
    let cpus = status.hypervisor.isEmpty ? count : "\(count) (\(status.hypervisor))"
    print(
      "\(status.name): \(status.state), \(cpus), \(ByteCount.text(status.memory)), up \(status.uptime / 1_000_000_000) s"
    )
    // KVM counts no instructions.
    let instructions = status.hypervisor == "kvm" ? "" : "\(status.instructions) instructions, "
    print(
      instructions + "\(status.exits) accesses, \(status.coreMessages) messages through the core, "
        + "\(status.bindings) bindings, \(status.resets) resets")
  }

  private func row(_ process: ProcessStatus, _ earlier: ProcessUsage?, _ span: Double) -> [String] {
    let usage = ProcessUsage(pid: process.pid)
    var share = "-"
    if let usage, let earlier {
      share = String(format: "%.1f %%", Double(usage.processorTime - earlier.processorTime) / span * 100)
    }
    return [
      process.name, process.pid > 0 ? "\(process.pid)" : "-", process.state, process.sandbox, share,
      usage.map { "\($0.resident >> 10) K" } ?? "-", usage.map { "\($0.own >> 10) K" } ?? "-",
      "\(process.accesses)", bytes(process.bytesIn), bytes(process.bytesOut), "\(process.interrupts)",
      milliseconds(process.startTime), restarts(process),
    ]
  }

  private func bytes(_ count: UInt64) -> String { count == 0 ? "-" : count < 10240 ? "\(count)" : "\(count >> 10) K" }

  private func milliseconds(_ nanoseconds: Int64) -> String {
    nanoseconds > 0 ? String(format: "%.1f ms", Double(nanoseconds) / 1_000_000) : "-"
  }

  /// How often, and how long the last one took from death to service.
  private func restarts(_ process: ProcessStatus) -> String {
    process.lastRestart > 0 ? "\(process.restarts) (\(milliseconds(process.lastRestart)))" : "\(process.restarts)"
  }
}

/// `atoll map`
struct MapCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "map", abstract: "Shows guest physical memory, region by region, with the process that serves it.")

  @OptionGroup var machine: MachineChoice

  func run() throws {
    guard case .map(let rows) = try machine.connect().ask(.map) else {
      throw CommandFailure("the machine's answer makes no sense")
    }
    var table = Table(["FIRST", "LAST", "SIZE", "REGION", "PROCESS"], alignRight: [2])
    for row in rows {
      let last = row.start &+ row.size &- 1
      table.add([address(row.start), address(last), ByteCount.text(row.size), row.region, row.process])
    }
    print(table.text)
  }

  private func address(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: max(0, 10 - digits.count)) + digits
  }
}
