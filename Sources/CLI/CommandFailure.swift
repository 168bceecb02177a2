import ArgumentParser

/// A command that failed: one sentence for a person, and a status of `ExitStatus`.
struct CommandFailure: Error {
  let sentence: String
  let status: Int32

  /// Bad input, unless another status is given.
  init(_ sentence: String, status: Int32 = 1) {
    self.sentence = sentence
    self.status = status
  }
}
