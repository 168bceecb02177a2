/// A GUID as it lies in memory: 16 bytes, the first three groups little endian (UEFI 2.10, appendix A).
public struct GUID: Sendable, Equatable {
  /// Bytes in memory order.
  public let bytes: [UInt8]

  /// From the groups as they are written: `a-b-c-rest`, `rest` being the last two groups.
  public init(_ a: UInt32, _ b: UInt16, _ c: UInt16, _ rest: UInt64) {
    var writer = ByteWriter()
    writer.u32(a)
    writer.u16(b)
    writer.u16(c)
    writer.bigEndian(rest)
    bytes = writer.bytes
  }

  /// EFI_ACPI_20_TABLE_GUID (UEFI 2.10, 4.6.1).
  public static let acpi20 = GUID(0x8868_e871, 0xe4f1, 0x11d3, 0xbc22_0080_c73c_8881)
  /// EFI_DTB_TABLE_GUID (UEFI 2.10, 4.6.1).
  public static let deviceTree = GUID(0xb1b6_21d5, 0xf19c, 0x41a5, 0x830b_d915_2c69_aae0)
  /// EFI_RT_PROPERTIES_TABLE_GUID (UEFI 2.10, 4.6.2).
  public static let runtimeProperties = GUID(0xeb66_918a, 0x7eef, 0x402a, 0x842e_931d_21c3_8ae9)
  /// Linux: the memory map that its EFI stub hands to the kernel.
  public static let linuxMemoryMap = GUID(0x800f_683f, 0xd08b, 0x423a, 0xa293_965c_3c6f_e2b4)
  /// Linux: where the initrd lies.
  public static let linuxInitrd = GUID(0x5568_e427, 0x68fc, 0x4f3d, 0xac74_ca55_5231_cc68)
}
