import CSystem
import System

/// A file that somebody else opened for reading. Its size is taken once; a file that shrinks afterwards is an error and
/// not a fault, because it is read and never mapped.
public final class ImageFile {
  /// What people call it: "kernel" or "initrd".
  public let what: StaticString
  /// Bytes when it was opened.
  public let size: Int
  private let descriptor: FileDescriptor

  /// More than any kernel or initrd has.
  public static let maximumSize = 16 << 30

  /// Takes the descriptor over.
  public init(_ what: StaticString, _ descriptor: consuming FileDescriptor) throws(LoadError) {
    self.what = what
    do throws(SystemError) {
      size = try descriptor.fileSize()
    } catch {
      throw .system(what, error)
    }
    self.descriptor = descriptor
    guard size <= ImageFile.maximumSize else { throw .hugeFile(what, size) }
  }

  /// Fills `buffer` from `offset` of the file.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(LoadError) {
    var done = 0
    while done < buffer.count {
      // At most 1 GiB a call: Linux transfers no more than 2 GiB in one.
      let left = min(buffer.count - done, 1 << 30)
      let got = unsafe atoll_pread(
        descriptor.raw, buffer.baseAddress.map { unsafe $0 + done }, UInt(left), offset + done)
      if got < 0 { throw .system(what, SystemError("read", Int32(truncatingIfNeeded: -got))) }
      if got == 0 { throw .shrunk(what) }
      done += got
    }
  }

  /// The first bytes of the file, at most `count`.
  func head(_ count: Int) throws(LoadError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: min(count, size))
    var failure: LoadError?
    unsafe bytes.withUnsafeMutableBytes { buffer in
      do throws(LoadError) { unsafe try read(at: 0, into: buffer) } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }
}
