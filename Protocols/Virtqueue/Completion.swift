/// A chain to be given back.
public struct Completion: Sendable, Equatable {
  /// The chain's token.
  public var token: ChainToken
  /// Bytes that were written to its writable part, from the start on.
  public var written: UInt32

  /// Gives back the chain of `token` with `written` bytes.
  public init(token: ChainToken, written: UInt32) { (self.token, self.written) = (token, written) }
}
