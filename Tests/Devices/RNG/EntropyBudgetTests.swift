import Testing

@testable import RNGModel

@Suite struct EntropyBudgetTests {
  @Test(arguments: [(0, 0), (1, 1), (4096, 4096), (65536, 65536), (65537, 65536), (Int.max, 65536), (-1, 0)])
  func `A buffer gets what it holds, but no more than 64 KiB`(_ c: (writable: Int, granted: Int)) {
    var budget = EntropyBudget()
    #expect(budget.grant(writable: c.writable) == c.granted)
  }

  @Test func `A turn ends after 256 KiB`() {
    var budget = EntropyBudget()
    var bytes = 0
    while budget.isLeft { bytes += budget.grant(writable: 60000) }
    #expect(bytes >= EntropyBudget.bytesPerTurn)
    #expect(bytes < EntropyBudget.bytesPerTurn + EntropyBudget.bytesPerBuffer)
  }

  @Test func `A turn ends after 64 buffers, even if they hold nothing`() {
    var budget = EntropyBudget()
    var buffers = 0
    while budget.isLeft {
      _ = budget.grant(writable: 0)
      buffers += 1
    }
    #expect(buffers == EntropyBudget.buffersPerTurn)
  }
}
