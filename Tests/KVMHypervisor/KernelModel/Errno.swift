/// What a system call returns when it fails (asm-generic/errno-base.h, errno.h).
public enum Failure {
  /// EPERM
  public static let permission = -1
  /// ENOENT
  public static let noEntry = -2
  /// EINTR
  public static let interrupted = -4
  /// ENXIO
  public static let noDeviceOrAddress = -6
  /// EBADF
  public static let badDescriptor = -9
  /// EAGAIN
  public static let again = -11
  /// ENOMEM
  public static let noMemory = -12
  /// EFAULT
  public static let fault = -14
  /// EBUSY
  public static let busy = -16
  /// EEXIST
  public static let exists = -17
  /// ENODEV
  public static let noDevice = -19
  /// EINVAL
  public static let invalid = -22
  /// ENOTTY
  public static let notTTY = -25
  /// ENOSPC
  public static let noSpace = -28
  /// EOPNOTSUPP
  public static let notSupported = -95
}

/// Reads and writes what requests point to, by offset, as the kernel's copy_from_user and copy_to_user do.
/// Nil where the kernel would answer EFAULT, as far as one can tell: pages below 4096 are never mapped.
enum User {
  static func pointer(_ address: UInt64) -> UnsafeMutableRawPointer? {
    address < 4096 ? nil : UnsafeMutableRawPointer(bitPattern: UInt(address))
  }

  static func read<T: FixedWidthInteger>(_ address: UInt64, _ offset: Int = 0, as: T.Type = T.self) -> T? {
    pointer(address)?.loadUnaligned(fromByteOffset: offset, as: T.self)
  }

  static func write<T: FixedWidthInteger>(_ address: UInt64, _ offset: Int = 0, _ value: T) -> Bool {
    guard let pointer = pointer(address) else { return false }
    pointer.storeBytes(of: value, toByteOffset: offset, as: T.self)
    return true
  }
}
