import Glibc

/// Unpacks files that xz(1) packed, with the library that dpkg itself needs and that every Debian therefore has; it is
/// looked up when it is needed, so that neither xz nor a development package has to be installed.
struct XZLibrary {
  private typealias Decode =
    @convention(c) (
      UnsafeMutablePointer<UInt64>?, UInt32, UnsafeRawPointer?, UnsafePointer<UInt8>?, UnsafeMutablePointer<Int>?, Int,
      UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int>?, Int
    ) -> UInt32
  private let decode: Decode

  /// lzma_stream_buffer_decode of liblzma (lzma/container.h).
  init() throws(FetchError) {
    guard let library = dlopen("liblzma.so.5", RTLD_NOW), let symbol = dlsym(library, "lzma_stream_buffer_decode")
    else {
      throw .noProgram("liblzma.so.5")
    }
    decode = unsafeBitCast(symbol, to: Decode.self)
  }

  /// What `packed` holds, at most `limit` bytes; nil if it is damaged or larger.
  func unpack(_ packed: [UInt8], limit: Int = 64 << 20) -> [UInt8]? {
    var capacity = packed.count * 8
    while true {
      var memory = UInt64(256 << 20)
      var (from, to) = (0, 0)
      var result: UInt32 = 0
      let output = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        result = decode(&memory, 0, nil, packed, &from, packed.count, buffer.baseAddress, &to, buffer.count)
        count = to
      }
      // LZMA_OK; LZMA_BUF_ERROR: there was no room.
      if result == 0 { return output }
      guard result == 10, capacity < limit else { return nil }
      capacity *= 2
    }
  }
}
