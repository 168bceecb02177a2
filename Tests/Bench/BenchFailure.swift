import Foundation

/// Why something could not be measured, in a sentence.
struct BenchFailure: Error {
  let sentence: String
  /// A signal asked the whole bench to end.
  var isInterruption = false

  init(_ sentence: String) { self.sentence = sentence }

  /// SIGINT, SIGTERM or SIGHUP came.
  static func interrupted(_ signal: Int32) -> BenchFailure {
    var failure = BenchFailure("ended by signal \(signal)")
    failure.isInterruption = true
    return failure
  }
}
