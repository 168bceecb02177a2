// Every fuzz target in `swift test`, without a fuzzer: its seeds, its corpus, the inputs that once broke it, and mutations.

import Foundation
import FuzzSupport
import FuzzTargets
import Testing

extension FuzzTarget: CustomTestStringConvertible {
  public var testDescription: String { name }
}

@Suite("Fuzz targets")
struct ReplayTests {
  @Test("seeds, corpus and regressions break no promise", arguments: FuzzTarget.all)
  func replay(target: FuzzTarget) throws {
    for input in target.seeds { #expect(target.run(input) == nil) }
    for folder in ["Corpus", "Regressions"] {
      for file in try files(folder, target.name) {
        let input = try [UInt8](Data(contentsOf: file))
        #expect(target.run(input) == nil, "\(folder)/\(target.name)/\(file.lastPathComponent)")
      }
    }
  }

  /// Half a second for each target, or as many seconds as ATOLL_FUZZ_SECONDS says. The seed is printed with a failure, and the input.
  @Test("mutations of them break no promise", arguments: FuzzTarget.all)
  func mutate(target: FuzzTarget) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    let corpus = try target.seeds + files("Corpus", target.name).map { try [UInt8](Data(contentsOf: $0)) }
    let seconds = ProcessInfo.processInfo.environment["ATOLL_FUZZ_SECONDS"].flatMap(Double.init) ?? 0.5
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
      let input = random.mutate(corpus.randomElement(using: &random) ?? random.bytes(256))
      guard let broken = target.run(input) else { continue }
      Issue.record("\(broken) (seed \(seed), input \(Data(input).base64EncodedString()))")
      return
    }
  }

  /// The files of one target's folder; none if the folder is not there.
  private func files(_ folder: String, _ target: String) throws -> [URL] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let place = root.appending(path: folder).appending(path: target)
    guard FileManager.default.fileExists(atPath: place.path) else { return [] }
    return try FileManager.default.contentsOfDirectory(at: place, includingPropertiesForKeys: nil)
      .filter { !$0.lastPathComponent.hasPrefix(".") }
  }
}
