import LoaderCore
import Machine
import System

/// A guest of the test's choice and what loading it gave.
struct Attempt {
  let entry: EntryPoint?
  let failure: String
  private let ram: FileImage?

  /// Loads `kernel` into a fresh guest.
  init(
    _ kernel: [UInt8], initrd: [UInt8]? = nil, mebibytes: UInt64 = 64, vcpus: Int = 1, commandLine: Int = 5,
    deviceTree: Bool = false, sparseInitrd: Int? = nil
  ) throws {
    let bytes = mebibytes << 20
    let descriptor = try MemoryFile.create("ram", size: Int(bytes))
    let shape = MachineShape(
      vcpus: vcpus, ramBytes: bytes, deviceTree: deviceTree, commandLine: [UInt8](repeating: 97, count: commandLine))
    do throws(LoadError) {
      let memory = try GuestMemory(descriptor, bytes: bytes)
      var initrdFile: ImageFile?
      if let sparseInitrd { initrdFile = try ImageFile("initrd", Self.sparse(sparseInitrd)) }
      if let initrd { initrdFile = try ImageFile("initrd", Self.file(initrd)) }
      let kernelFile = try ImageFile("kernel", Self.file(kernel))
      entry = try Loader.load(shape, into: memory, kernel: kernelFile, initrd: initrdFile)
      failure = ""
    } catch {
      entry = nil
      failure = error.sentence
    }
    ram = FileImage(descriptor)
  }

  /// Guest memory at a file offset.
  func memory(_ offset: UInt64, _ count: Int) -> [UInt8] { ram?.read(Int(offset), count) ?? [] }
  func number(_ offset: UInt64) -> UInt64 { memory(offset, 8).reversed().reduce(0) { $0 << 8 | UInt64($1) } }

  static func file(_ bytes: [UInt8]) -> FileDescriptor {
    do {
      let descriptor = try MemoryFile.create("file", size: bytes.count)
      var done = 0
      while done < bytes.count {
        done += try bytes[done...].withUnsafeBytes { try descriptor.write($0) }
      }
      return descriptor
    } catch {
      return FileDescriptor(owning: -1)
    }
  }

  static func sparse(_ size: Int) -> FileDescriptor {
    (try? MemoryFile.create("file", size: size)) ?? FileDescriptor(owning: -1)
  }
}

/// The bytes behind a descriptor.
final class FileImage {
  private let descriptor: FileDescriptor
  init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
  func read(_ offset: Int, _ count: Int) -> [UInt8] {
    let page = offset & ~4095
    guard let mapping = try? Mapping.shared(descriptor, size: offset - page + count, offset: page, .read) else {
      return []
    }
    return Array(UnsafeRawBufferPointer(start: mapping.base + (offset - page), count: count))
  }
}
