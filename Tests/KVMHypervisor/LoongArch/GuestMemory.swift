import Glibc

/// Host memory for guests, aligned as a host with 16 KiB pages has it.
final class GuestMemory {
  let base: UnsafeMutableRawPointer
  let size: Int

  init(size: Int = 64 << 10) {
    self.size = size
    base = .allocate(byteCount: size, alignment: 64 << 10)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: size)
  }

  deinit { base.deallocate() }

  func place(_ program: GuestProgram, at address: Int) {
    for (index, word) in program.words.enumerated() {
      base.storeBytes(of: word, toByteOffset: address + index * 4, as: UInt32.self)
    }
  }

  subscript(address: Int) -> UInt64 {
    get { base.load(fromByteOffset: address, as: UInt64.self) }
    set { base.storeBytes(of: newValue, toByteOffset: address, as: UInt64.self) }
  }

  func copy() -> GuestMemory {
    let copy = GuestMemory(size: size)
    copy.base.copyMemory(from: base, byteCount: size)
    return copy
  }
}
