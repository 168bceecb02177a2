// What a machine may be. Checked where a description enters (CLI, supervisor, loader).

/// Limits of a machine's size.
public enum MachineLimits {
  /// vCPUs: KVM's and the IPI controller's limit is 256 (CPU numbers are 8 bits in the EIOINTC route).
  public static let vcpus = 1...256
  /// Least RAM in bytes: a kernel image of 26 MiB, its page tables and an initramfs.
  public static let minimumRAM: UInt64 = 64 << 20
  /// Most RAM in bytes: all of it must lie below 2^47, KVM's limit for guest physical addresses.
  public static let maximumRAM: UInt64 = 1 << 46
  /// RAM is a multiple of this, the size of the largest ordinary page.
  public static let granularity: UInt64 = 1 << 20
  /// Most bytes of the command line, the final zero not among them. Linux keeps 4096 bytes with the zero: it drops the
  /// last byte of a line as long as this.
  public static let commandLine = 4096
}

/// Why a machine cannot be; `sentence` says it in words.
public enum MachineLimitError: Error, Sendable, Equatable {
  /// Less RAM than a kernel needs.
  case tooLittleRAM(UInt64)
  /// More RAM than guest physical addresses reach.
  case tooMuchRAM(UInt64)
  /// RAM that is no multiple of 1 MiB.
  case unevenRAM(UInt64)
  /// A number of vCPUs outside 1 to 256.
  case badVCPUCount(Int)
  /// A command line of more than 4096 bytes.
  case longCommandLine(Int)

  /// One sentence for a person.
  public var sentence: String {
    switch self {
    case .tooLittleRAM(let bytes):
      "the guest needs at least \(MachineLimits.minimumRAM >> 20) MiB of RAM, not \(mebibytes(bytes))"
    case .tooMuchRAM(let bytes):
      "the guest can have at most \(MachineLimits.maximumRAM >> 30) GiB of RAM, not \(mebibytes(bytes))"
    case .unevenRAM(let bytes): "the guest's RAM must be a multiple of 1 MiB, not \(bytes) bytes"
    case .badVCPUCount(let count): "the guest can have 1 to 256 CPUs, not \(count)"
    case .longCommandLine(let bytes):
      "the kernel command line has \(bytes) bytes; at most \(MachineLimits.commandLine) fit"
    }
  }

  private func mebibytes(_ bytes: UInt64) -> String {
    bytes % (1 << 20) == 0 ? "\(bytes >> 20) MiB" : "\(bytes) bytes"
  }
}

extension MachineLimits {
  /// Throws unless `bytes` of RAM are enough, not too much and a multiple of 1 MiB.
  public static func checkRAM(_ bytes: UInt64) throws(MachineLimitError) {
    if bytes < minimumRAM { throw .tooLittleRAM(bytes) }
    if bytes > maximumRAM { throw .tooMuchRAM(bytes) }
    if bytes % granularity != 0 { throw .unevenRAM(bytes) }
  }

  /// Throws unless `count` is 1 to 256.
  public static func checkVCPUs(_ count: Int) throws(MachineLimitError) {
    if !vcpus.contains(count) { throw .badVCPUCount(count) }
  }

  /// Throws unless a command line of `bytes` bytes fits.
  public static func checkCommandLine(_ bytes: Int) throws(MachineLimitError) {
    if bytes > commandLine { throw .longCommandLine(bytes) }
  }
}
