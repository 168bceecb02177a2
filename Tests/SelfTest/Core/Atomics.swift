import Synchronization
import System

extension Transcript {
  /// Atomic words of every width, which LoongArch makes of different instructions: alone, and between two threads.
  mutating func atomicSections() {
    var digest = Digest()
    let words = SharedWords()
    for _ in 0..<1000 { words.step(&digest) }
    add("atomics", digest)
    var race = Digest()
    for count in words.race(rounds: 50_000) { race.add(count) }
    add("atomics of two threads", race)
  }
}

/// Words that two threads count in.
private final class SharedWords: Sendable {
  private let byte = Atomic<UInt8>(1)
  private let half = Atomic<UInt16>(2)
  private let word = Atomic<UInt32>(3)
  private let long = Atomic<UInt64>(4)
  private let flag = Atomic<Bool>(false)

  func step(_ digest: inout Digest) {
    digest.add(byte.wrappingAdd(37, ordering: .relaxed).newValue)
    digest.add(UInt64(half.wrappingSubtract(1021, ordering: .acquiringAndReleasing).oldValue))
    digest.add(UInt64(word.bitwiseXor(0x8421_1248, ordering: .sequentiallyConsistent).newValue))
    digest.add(long.max(long.load(ordering: .relaxed) &* 3, ordering: .releasing).newValue)
    digest.add(long.exchange(UInt64(word.load(ordering: .acquiring)) << 3, ordering: .relaxed))
    digest.add(byte.compareExchange(expected: 38, desired: 0, ordering: .acquiring).exchanged)
    digest.add(half.compareExchange(expected: half.load(ordering: .relaxed), desired: 99, ordering: .relaxed).exchanged)
    digest.add(flag.exchange(!flag.load(ordering: .relaxed), ordering: .relaxed))
  }

  /// What two threads count to.
  func race(rounds: Int) -> [UInt64] {
    byte.store(0, ordering: .relaxed)
    half.store(0, ordering: .relaxed)
    word.store(0, ordering: .relaxed)
    long.store(0, ordering: .relaxed)
    do throws(SystemError) {
      let done = try EventCounter()
      let other = EventCounter(owning: try done.descriptor.duplicate())
      let box = Signal(other)
      try Thread.start { [self] in
        count(rounds)
        box.counter.signal()
      }
      count(rounds)
      _ = try Poll.wait([(done.descriptor.raw, Poll.input)], nanoseconds: 60_000_000_000)
    } catch { return [] }
    return [
      UInt64(byte.load(ordering: .acquiring)), UInt64(half.load(ordering: .acquiring)),
      UInt64(word.load(ordering: .acquiring)), long.load(ordering: .acquiring),
    ]
  }

  private func count(_ rounds: Int) {
    for round in 0..<rounds {
      byte.wrappingAdd(1, ordering: .relaxed)
      half.wrappingAdd(1, ordering: .acquiringAndReleasing)
      word.wrappingAdd(1, ordering: .sequentiallyConsistent)
      var seen = long.load(ordering: .relaxed)
      while true {
        let (exchanged, original) = long.weakCompareExchange(
          expected: seen, desired: seen &+ UInt64(round), ordering: .acquiringAndReleasing)
        if exchanged { break }
        seen = original
      }
    }
  }
}

private final class Signal: Sendable {
  let counter: EventCounter
  init(_ counter: consuming EventCounter) { self.counter = counter }
}
