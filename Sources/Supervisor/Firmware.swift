import CSystem
import Control
import DeviceBus
import Machine
import System

/// What a machine with firmware has beside its memory: the boot ROM, the answers of fw_cfg, and the file of the firmware's
/// variables. Made once; a reset changes none of it.
final class Firmware {
  /// The code in sealed memory, so that a file that changes under a running guest changes nothing.
  let rom: FileDescriptor
  /// Its size, a multiple of 16 KiB.
  let romBytes: UInt64
  private let variables: FileDescriptor
  private let items: FileDescriptor

  /// Opens the files; one sentence for what is missing or unusable.
  init(_ description: FirmwareDescription, _ machine: MachineDescription) throws(Ending) {
    let code = try MachineFiles.guestFile(description.code, "firmware")
    let size = atoll_file_size(code.raw)
    guard size > 0, UInt64(size) <= MemoryMap.flashCode.size else {
      throw Ending(.badInput, "the firmware \(printable(description.code)) has more than 16 MiB")
    }
    romBytes = (UInt64(size) + 0x3fff) & ~0x3fff
    rom = try Firmware.copy(code, size: size, to: Int(romBytes))
    variables = try Firmware.variables(description.variables)
    let answers = FirmwareConfiguration.encode(
      FirmwareConfiguration.items(vcpus: machine.vcpus, ramBytes: machine.memory))
    items = try Firmware.memory("atoll-fwcfg", answers)
  }

  /// What the device of this kind serves; nil for all that have no content.
  func content(of kind: DeviceKind) -> Int32? {
    switch kind {
    case .flash: variables.raw
    case .fwcfg: items.raw
    default: nil
    }
  }

  /// The guest writes this file while it runs, so that no two machines may have it.
  private static func variables(_ path: String?) throws(Ending) -> FileDescriptor {
    guard let path else {
      do { return try MemoryFile.create("atoll-variables", size: Int(MemoryMap.flashVariables.size)) } catch {
        throw Ending(host: "making memory for the firmware's variables", error)
      }
    }
    let shown = printable(path)
    let file = try MachineFiles.guestFile(path, "file of firmware variables", writable: true)
    let size = atoll_file_size(file.raw)
    guard size & 0x3_ffff == 0, size <= Int(MemoryMap.flashVariables.size) else {
      throw Ending(.badInput, "the file of firmware variables \(shown) is not a multiple of 256 KiB up to 16 MiB")
    }
    guard atoll_disk_lock(file.raw, 1) == 0 else {
      throw Ending(.badInput, "the file of firmware variables \(shown) is in use by another machine")
    }
    return file
  }

  // MARK: memory

  /// Copies the file without looking at it, but for its zeros, which take no memory.
  private static func copy(_ file: borrowing FileDescriptor, size: Int, to room: Int) throws(Ending) -> FileDescriptor {
    do throws(SystemError) {
      let memory = try MemoryFile.create("atoll-rom", size: room)
      let mapping = try Mapping.shared(memory, size: room)
      var page = [UInt8](repeating: 0, count: 4096)
      for offset in stride(from: 0, to: size, by: page.count) {
        let count = min(page.count, size - offset)
        let got = page.withUnsafeMutableBytes { atoll_pread(file.raw, $0.baseAddress, UInt(count), offset) }
        guard got == count else { throw SystemError("read", got < 0 ? Int32(truncatingIfNeeded: -got) : Errno.invalid) }
        guard page[..<count].contains(where: { $0 != 0 }) else { continue }
        page.withUnsafeBytes {
          UnsafeMutableRawBufferPointer(start: mapping.base + offset, count: count).copyBytes(from: $0.prefix(count))
        }
      }
      return memory
    } catch { throw Ending(host: "reading the firmware", error) }
  }

  private static func memory(_ name: String, _ bytes: [UInt8]) throws(Ending) -> FileDescriptor {
    do throws(SystemError) {
      let memory = try MemoryFile.create(name, size: bytes.count)
      let mapping = try Mapping.shared(memory, size: bytes.count)
      bytes.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(start: mapping.base, count: bytes.count).copyBytes(from: $0)
      }
      return memory
    } catch { throw Ending(host: "making memory for the firmware", error) }
  }
}
