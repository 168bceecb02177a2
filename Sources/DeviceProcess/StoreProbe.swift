/// Where a test may look at, or end, a device between two stores to memory that outlives it.
public protocol StoreProbe {
  /// A store that the next incarnation or a peer can see has just been made, or is about to be.
  func point()
}

/// A device in production: nothing looks.
public struct NoProbe: StoreProbe {
  /// Nothing to set up.
  @inlinable public init() {}
  /// Does nothing.
  @inlinable @inline(__always) public func point() {}
}
