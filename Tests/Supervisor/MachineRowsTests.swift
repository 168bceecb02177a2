import Control
import Testing

@testable import atoll_supervisor

struct MachineRowsTests {
  @Test(arguments: [64 << 20, 256 << 20, 1 << 30] as [UInt64])
  func rowsAreInOrderAndDoNotOverlap(_ memory: UInt64) {
    let rows = MachineRows.rows(memory: memory)
    #expect(rows.filter { $0.process == "-" }.map(\.size).reduce(0, +) == memory)
    for (row, next) in zip(rows, rows.dropFirst()) {
      #expect(row.start <= next.start)
      #expect(row.start + row.size <= next.start)
    }
  }

  @Test func everyDeviceServesSomething() {
    let processes = Set(MachineRows.rows(memory: 1 << 30).map(\.process))
    #expect(processes == ["-", "vmm", "serial", "rtc", "power", "pcie"])
  }

  @Test func functionIsARowInTheHostsConfigurationSpace() throws {
    let functions = try (0..<16).map { try Function($0, "rng\($0)", DeviceDescription(.rng)) }
    let rows = MachineRows.rows(memory: 1 << 30, functions: functions)
    let first = rows.first { $0.process == "rng0" }
    let last = rows.first { $0.process == "rng15" }
    #expect(first?.start == 0x2000_8000 && first?.size == 4096 && first?.region == "PCI function 00:01.0, virtio rng")
    #expect(last?.start == 0x2008_0000 && last?.region == "PCI function 00:10.0, virtio rng")
  }
}
