/// A chain to be given back, and the bytes that were written to its writable part.
public struct Completion: Sendable, Equatable {
  public var token: ChainToken
  public var written: UInt32

  public init(token: ChainToken, written: UInt32) { (self.token, self.written) = (token, written) }
}
