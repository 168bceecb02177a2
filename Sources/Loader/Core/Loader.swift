import Machine

/// Puts a kernel, its initrd and the machine's tables into guest RAM.
public enum Loader {
  /// A payload is held in memory while it is unpacked.
  private static let maximumPayload = 256 << 20
  /// Where an image is unpacked before its header says where it belongs: nearly always the same place.
  private static let usualLoadAddress = MemoryMap.kernelStart

  /// Loads everything and returns where the guest starts. On an error guest RAM holds anything.
  public static func load(
    _ shape: MachineShape, into memory: borrowing GuestMemory, kernel: ImageFile, initrd: ImageFile?
  ) throws(LoadError) -> EntryPoint {
    do throws(MachineLimitError) { try shape.check() } catch { throw .machine(error) }
    guard memory.bytes == shape.ramBytes else { throw .internalFault("guest RAM has another size") }
    let (kernelRange, entry) = try loadKernel(kernel, into: memory)
    var initrdRange: AddressRange?
    if let initrd { initrdRange = try loadInitrd(initrd, into: memory, kernel: kernelRange) }
    let tables = HandOver(
      shape, kernel: kernelRange, initrd: initrdRange, initrdSize: UInt64(max(0, initrd?.size ?? 0)))
    for blob in tables.blobs { try memory.write(blob) }
    return HandOver.entryPoint(pc: entry)
  }

  /// What firmware expects to find in RAM, and where it starts. Everything else it loads itself.
  public static func prepareFirmware(
    _ shape: MachineShape, into memory: borrowing GuestMemory
  ) throws(LoadError) -> EntryPoint {
    do throws(MachineLimitError) { try shape.check() } catch { throw .machine(error) }
    guard memory.bytes == shape.ramBytes else { throw .internalFault("guest RAM has another size") }
    for blob in FirmwareEntry.blobs(shape) { try memory.write(blob) }
    return FirmwareEntry.entryPoint
  }

  private static func loadInitrd(
    _ file: ImageFile, into memory: borrowing GuestMemory, kernel: AddressRange
  ) throws(LoadError) -> AddressRange {
    guard file.size > 0 else { throw .emptyInitrd }
    let range = try Placement.initrd(size: UInt64(file.size), kernel: kernel, ramBytes: memory.bytes)
    try memory.read(file, at: 0, to: AddressRange(range.start, UInt64(file.size)))
    return range
  }

  // MARK: kernel

  private static func loadKernel(
    _ file: ImageFile, into memory: borrowing GuestMemory
  ) throws(LoadError) -> (AddressRange, entry: UInt64) {
    let head = try file.head(KernelImage.headSize)
    // Bytes of a UInt8 array: no padding, which is what makes `bytes` unsafe.
    switch unsafe try KernelImage.parse(head: head.span.bytes, fileSize: file.size) {
    case .zboot(let payload): return try loadPacked(payload, of: file, into: memory)
    case .image(let header): return try loadImage(header, of: file, into: memory)
    case .elf(let program): return try loadProgram(program, of: file, into: memory)
    }
  }

  /// Unpacks straight to where the image nearly always belongs, and moves it if its header says otherwise.
  private static func loadPacked(
    _ payload: PackedPayload, of file: ImageFile, into memory: borrowing GuestMemory
  ) throws(LoadError) -> (AddressRange, entry: UInt64) {
    guard payload.size <= maximumPayload else { throw .hugeFile("kernel", file.size) }
    let low = min(memory.bytes, MemoryMap.lowRAM.size)
    guard low > usualLoadAddress else { throw .payloadDoesNotFit(ramBytes: memory.bytes) }
    let room = AddressRange(usualLoadAddress, low - usualLoadAddress)
    let unpacked = try memory.unpack(payload, of: file, to: room)
    guard unpacked > 0 else { throw .badHeader("the payload is empty") }
    let head = try memory.head(of: AddressRange(room.start, unpacked), KernelImage.headSize)
    let header = unsafe try ImageHeader.parse(unpacked: head.span.bytes)
    let range = try place(header, stored: unpacked, memory)
    try memory.move(unpacked, from: room.start, to: header.range.start)
    return (range, header.entry)
  }

  private static func loadImage(
    _ header: ImageHeader, of file: ImageFile, into memory: borrowing GuestMemory
  ) throws(LoadError) -> (AddressRange, entry: UInt64) {
    let stored = UInt64(file.size)
    let range = try place(header, stored: stored, memory)
    try memory.read(file, at: 0, to: AddressRange(header.range.start, stored))
    return (range, header.entry)
  }

  /// The kernel takes what its header says, or what there is of it, whichever is more.
  private static func place(
    _ header: ImageHeader, stored: UInt64, _ memory: borrowing GuestMemory
  ) throws(LoadError) -> AddressRange {
    let size = max(header.range.size, stored)
    return try Placement.kernel(AddressRange(header.range.start, size), ramBytes: memory.bytes)
  }

  private static func loadProgram(
    _ program: ELFProgram, of file: ImageFile, into memory: borrowing GuestMemory
  ) throws(LoadError) -> (AddressRange, entry: UInt64) {
    let range = try Placement.kernel(program.range, ramBytes: memory.bytes)
    for segment in program.segments {
      let stored = UInt64(segment.fileSize)
      try memory.read(file, at: segment.fileOffset, to: AddressRange(segment.range.start, stored))
      try memory.zero(AddressRange(segment.range.start + stored, segment.range.size - stored))
    }
    return (range, program.entry)
  }
}
