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
    #expect(processes == ["-", "vmm", "serial", "rtc", "power"])
  }
}
