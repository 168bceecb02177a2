import Machine
import System

/// A format that a kernel's payload may be packed in.
public enum Compression: Sendable, Equatable {
  case zstd
  case gzip

  /// Its name, as in the zboot header.
  public var name: StaticString {
    switch self {
    case .zstd: "zstd"
    case .gzip: "gzip"
    }
  }
}

/// Why nothing was loaded; `sentence` says it to a person, in at most 200 bytes of ASCII.
public enum LoadError: Error, Sendable {
  /// The kernel file has no bytes.
  case emptyKernel
  /// The initrd file has no bytes.
  case emptyInitrd
  /// A file of more bytes than anything of its kind has.
  case hugeFile(StaticString, Int)
  /// Neither zboot nor image nor ELF.
  case notAKernel
  /// A kernel for another processor.
  case foreignKernel(String)
  /// Compressed as a whole, without the zboot header.
  case barePayload(StaticString)
  /// The file ends before what its headers promise.
  case truncatedKernel(needed: UInt64, size: Int)
  /// The file became shorter while it was read.
  case shrunk(StaticString)
  /// The zboot payload lies outside of the file.
  case payloadOutsideFile(end: UInt64, size: Int)
  /// A zboot payload packed by something else.
  case unknownCompression(String)
  /// The payload's data are wrong.
  case damagedPayload(Compression)
  /// The payload ends in the middle.
  case truncatedPayload(Compression)
  /// A header field that no kernel has.
  case badHeader(StaticString)
  /// The kernel does not fit in RAM.
  case kernelDoesNotFit(AddressRange, ramBytes: UInt64)
  /// The unpacked kernel does not fit in RAM.
  case payloadDoesNotFit(ramBytes: UInt64)
  /// The initrd does not fit beside the kernel.
  case initrdDoesNotFit(size: UInt64, needed: UInt64, ramBytes: UInt64)
  /// The machine is out of its limits.
  case machine(MachineLimitError)
  /// The host refused; on whose behalf.
  case system(StaticString, SystemError)
  /// Something that only a mistake of our own can bring about.
  case internalFault(StaticString)

  /// What is wrong, as one sentence without a full stop.
  public var sentence: String {
    switch self {
    case .emptyKernel: "the kernel file is empty"
    case .emptyInitrd: "the initrd file is empty"
    case .hugeFile(let what, let size):
      "the \(what.text) file has \(mebibytes(UInt64(max(0, size)))) MiB, which is too much"
    case .notAKernel: "the file is not a kernel: neither an EFI zboot vmlinuz, nor a vmlinux.efi, nor an ELF vmlinux"
    case .foreignKernel(let name): "this is a kernel for \(name), not for LoongArch64"
    case .barePayload(let name): "the kernel file is compressed with \(name.text) as a whole: unpack it first"
    case .truncatedKernel(let needed, let size):
      "the kernel file is truncated: its headers promise \(needed) bytes, it has \(size)"
    case .shrunk(let what): "the \(what.text) file became shorter while it was read"
    case .payloadOutsideFile(let end, let size):
      "the zboot payload is truncated: it ends at byte \(end), the file at byte \(size)"
    case .unknownCompression(let name): "the zboot payload is packed with '\(name)'; zstd and gzip can be unpacked"
    case .damagedPayload(let kind): "the \(kind.name.text) payload of the kernel is damaged"
    case .truncatedPayload(let kind): "the \(kind.name.text) payload of the kernel ends in the middle"
    case .badHeader(let what): "the kernel's header is damaged: \(what.text)"
    case .kernelDoesNotFit(let range, let ram):
      "the kernel needs \(mebibytes(range.size)) MiB at \(mebibytes(range.start)) MiB; "
        + "the guest has \(ram >> 20) MiB of RAM"
    case .payloadDoesNotFit(let ram): "the unpacked kernel does not fit in the guest's \(ram >> 20) MiB of RAM"
    case .initrdDoesNotFit(let size, let needed, let ram):
      "the initrd of \(mebibytes(size)) MiB does not fit: the guest needs at least \(mebibytes(needed)) MiB of RAM "
        + "and has \(ram >> 20)"
    case .machine(let error): error.sentence
    case .system(let what, let error): "the \(what.text) cannot be used: \(error.sentence)"
    case .internalFault(let what): "internal fault of the loader: \(what.text)"
    }
  }

  private func mebibytes(_ bytes: UInt64) -> UInt64 { bytes >> 20 + (bytes & 0xf_ffff == 0 ? 0 : 1) }
}
