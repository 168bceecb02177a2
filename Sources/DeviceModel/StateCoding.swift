// How models lay out their saved state: fields one after the other, little endian, without padding.
// Deliberately absent: tags, lengths, versions of single fields. A state is read by the program version that a machine runs;
// each model's first byte says which layout it is.

extension MutableRawSpan {
  /// Writes `value` little endian at `offset`, in bytes from the start, and moves `offset` past it.
  /// Writes nothing where the field does not fit: the driver then sees `offset` short of the model's `stateSize`.
  @inlinable
  public mutating func put<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: inout Int) {
    guard offset >= 0, offset <= byteCount - MemoryLayout<Value>.size else { return }
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    offset += MemoryLayout<Value>.size
  }

  /// Writes a flag as one byte, 0 or 1.
  @inlinable
  public mutating func put(_ flag: Bool, at offset: inout Int) {
    put(flag ? UInt8(1) : 0, at: &offset)
  }
}

extension RawSpan {
  /// Reads a little-endian integer at `offset`, in bytes from the start, and moves `offset` past it.
  /// Throws `truncated` where the field does not fit.
  @inlinable
  public func take<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type, at offset: inout Int
  ) throws(StateError) -> Value {
    guard offset >= 0, offset <= byteCount - MemoryLayout<Value>.size else { throw .truncated }
    // In bounds by the check above; any bit pattern is a value of an integer type.
    let value = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
    offset += MemoryLayout<Value>.size
    return Value(littleEndian: value)
  }

  /// Reads a flag that `put` wrote. Throws `impossible` for any byte but 0 and 1.
  @inlinable
  public func takeFlag(at offset: inout Int) throws(StateError) -> Bool {
    switch try take(UInt8.self, at: &offset) {
    case 0: return false
    case 1: return true
    default: throw .impossible("a flag in the saved state is neither 0 nor 1")
    }
  }
}

/// Throws `impossible(sentence)` unless `condition` holds: a model's check of one saved field.
@inlinable
public func check(_ condition: Bool, _ sentence: StaticString) throws(StateError) {
  guard condition else { throw .impossible(sentence) }
}
