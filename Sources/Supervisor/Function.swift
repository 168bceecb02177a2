import Control
import DeviceBus
import System

/// One virtio function: what joins its two sides, the registers in the PCIe host and the queues in a back-end.
final class Function {
  /// Index among the functions; the PCI device number is one more.
  let index: Int
  /// The name that people use.
  let name: String
  let description: DeviceDescription
  /// What its back-end works on, opened once.
  let files: FunctionFiles
  /// The in-flight log of its rings, kept over all incarnations of both sides from power-on to reset.
  var inflight: FileDescriptor
  /// Number of the back-end as the PCIe host knows it, from 1; 0 before the first.
  var incarnation: UInt32 = 0
  /// The handshake of this incarnation is done.
  var isConnected = false
  /// When this incarnation was handed to the PCIe host.
  var attachedAt: Int64?
  /// When to try again to connect to a back-end that listens at a path.
  var retryAt: Int64?
  /// Since when there has been nobody at the path, and when a person was told last.
  var absentSince: Int64?
  var absenceToldAt = Int64.min / 2
  /// Why nobody answered there last, an errno.
  var lastRefusal: Int32 = 0
  /// Its back-end will not come back.
  var isAbandoned = false

  init(_ index: Int, _ name: String, _ description: DeviceDescription) throws(Ending) {
    (self.index, self.name, self.description) = (index, name, description)
    files = try FunctionFiles(description, name)
    inflight = try Function.freshMemory()
  }

  /// PCI device number.
  var slot: UInt32 { UInt32(index) + 1 }

  /// Forgets the machine that ended with a reset.
  func forget() throws(Ending) {
    inflight = try Function.freshMemory()
    (incarnation, isConnected, attachedAt, retryAt, absentSince, isAbandoned) = (0, false, nil, nil, nil, false)
  }

  private static func freshMemory() throws(Ending) -> FileDescriptor {
    do { return try MemoryFile.create("atoll-inflight", size: BusLimits.inflightBytes) } catch {
      throw Ending(host: "making shared memory", error)
    }
  }

  /// The path at which its back-end listens by itself.
  var path: String? {
    guard case .foreign(let foreign) = description.kind else { return nil }
    switch foreign.backEnd {
    case .socket(let path): return path
    case .program(let program): return program.connection == .path ? files.runtime?.socketPath : nil
    }
  }

  /// Somebody else runs its back-end.
  var isForeignSocket: Bool {
    if case .foreign(let foreign) = description.kind, case .socket = foreign.backEnd { return true }
    return false
  }
}
