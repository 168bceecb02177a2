/// CRC-32 as EFI table headers use it (UEFI 2.10, 4.2: ANSI CRC-32, polynomial 0x04c11db7 reflected).
public enum CRC32 {
  /// The checksum of `bytes`.
  public static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var crc: UInt32 = 0xffff_ffff
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
    }
    return ~crc
  }
}
