import Foundation
import Hypervisor
import SoftHypervisor
import System

/// Compute loops in a program of the guest's, both machines in turn.
enum Loops {
  private struct Result {
    let nanoseconds: Double
    let check: String
  }

  static func measure(_ setup: Setup, _ progress: Progress, _ loops: [GuestLoop]) throws -> Section {
    progress.show("booting for the loops")
    let machines = try boot(setup, loops)
    defer { for machine in machines { machine.end() } }
    var section = Section(method: method(setup, isFloat: loops.first?.isFloat ?? false))
    for loop in loops { section.rows.append(try row(setup, progress, loop, machines)) }
    return section
  }

  /// Atoll first, then QEMU if there is one.
  private static func boot(_ setup: Setup, _ loops: [GuestLoop]) throws -> [Machine] {
    let programs = loops.map { ($0.name, $0.program) }
    let initrd = try setup.write("loops.cpio", RAMDisk.appending(programs, to: try Setup.read(setup.initrd)))
    let atoll = try AtollMachine(setup, initrd: initrd)
    try atoll.waitForPrompt()
    guard setup.qemu != nil else { return [atoll] }
    let image = try PeerImage.build(
      kernel: setup.kernel, initrd: initrd, commandLine: Setup.commandLine, memory: Setup.memory)
    let peer = try PeerMachine(setup, image: try setup.write("loops.elf", image))
    try peer.waitForPrompt()
    return [atoll, peer]
  }

  private static func row(_ setup: Setup, _ progress: Progress, _ loop: GuestLoop, _ machines: [Machine]) throws -> Row
  {
    let counted = try count(loop)
    var times = machines.map { _ in [Double]() }
    for run in 1...max(3, setup.runs) {
      progress.show("\(loop.name) \(run)")
      for (index, machine) in machines.enumerated() {
        let result = try self.run(loop, on: machine)
        guard result.check == counted.check else {
          throw BenchFailure(
            "\(loop.name) gave \(result.check) instead of \(counted.check) on \(index == 0 ? "Atoll" : "QEMU")")
        }
        times[index].append(result.nanoseconds / 1e9)
      }
    }
    let rates = times.map { Double(counted.instructions) / median($0) / 1e6 }
    let hasPeer = rates.count == 2
    return Row(
      figure: "MIPS: \(loop.title)", atoll: String(format: "%.0f", rates[0]),
      qemu: hasPeer ? String(format: "%.0f", rates[1]) : Setup.noPeer, bar: loop.isFloat ? "≥ QEMU" : "–",
      isMet: loop.isFloat && hasPeer ? rates[0] >= rates[1] : nil)
  }

  private static func run(_ loop: GuestLoop, on machine: Machine) throws -> Result {
    let text = try machine.shell("/bench/\(loop.name)", seconds: 120)
    let words = text.split(whereSeparator: \.isNewline).filter { $0.count == 16 && $0.allSatisfy(\.isHexDigit) }
    guard words.count == 2, let nanoseconds = UInt64(String(words[0]), radix: 16), nanoseconds > 0 else {
      throw BenchFailure("\(loop.name) printed “\(text.suffix(80))”")
    }
    return Result(nanoseconds: Double(nanoseconds), check: String(words[1]))
  }

  // MARK: counting

  private static let (ramSize, codeAddress, workAddress) = (64 << 20, UInt64(0x20_0000), UInt64(0x100_0000))

  /// Runs the loop alone in a SoftHypervisor of this process, where the instructions are counted and nothing else runs.
  private static func count(_ loop: GuestLoop) throws -> (instructions: UInt64, check: String) {
    let code = loop.bareMetal(work: workAddress)
    let memory = try Mapping.guestRAM(try MemoryFile.create("bench-loop", size: ramSize), size: ramSize)
    (memory.base + Int(codeAddress)).copyMemory(from: code, byteCount: code.count)
    let hypervisor = try SoftHypervisor(vcpus: 1)
    try hypervisor.addMemory(guestAddress: 0, host: memory.base, size: UInt64(ramSize))
    let vcpu = try hypervisor.createVCPU(id: 0)
    vcpu.registers.pc = codeAddress
    while true {
      switch vcpu.run() {
      case .mmioWrite(GuestLoop.endAddress, _, let value):
        let digits = String(value, radix: 16)
        let instructions = vcpu.counters.instructions - GuestLoop.bareMetalOverhead
        return (instructions, String(repeating: "0", count: 16 - digits.count) + digits)
      case .interrupted: continue
      case let exit: throw BenchFailure("\(loop.name) left the virtual machine: \(exit)")
      }
    }
  }

  private static func method(_ setup: Setup, isFloat: Bool) -> String {
    (isFloat ? "double precision" : "integer loops")
      + ": median of \(max(3, setup.runs)), in turn, the same static program under the same Linux in both, timed by the guest's "
      + "CLOCK_MONOTONIC; instructions counted by the same loop in a SoftHypervisor alone; results are equal bit for bit on all three."
  }
}
