import BlockEngine
import CSystem
import System
import VMMCore
import VhostDevice

/// The VMM with the block back-end on a thread of its own, for `make bench` alone: what it would cost to have devices in the
/// core. Started in the VMM's place, without a sandbox, from a folder whose `inside.conf` has two lines: socket and disk.
@main struct Main {
  static func main() {
    let lines = settings()
    guard lines.count >= 2 else { end("inside.conf does not name a socket and a disk") }
    let (socket, disk) = (lines[0], lines[1])
    do throws(SystemError) { try Thread.start(stack: 1 << 20) { serve(socket, disk) } } catch { end(error.sentence) }
    VMMProgram.run()
  }

  private static func serve(_ socket: String, _ disk: String) {
    var options = Options(["--blk-file=\(disk)", "--read-only"])
    do throws(UsageError) {
      BackEndProgram.serve(.init(name: "atoll-block", type: "block"), try BlockBackEnd(options: &options), path: socket)
    } catch { end(error.sentence) }
  }

  /// The lines of the file beside this program.
  private static func settings() -> [String] {
    var path = [CChar](repeating: 0, count: 4096)
    let length = path.withUnsafeMutableBufferPointer { atoll_executable_path($0.baseAddress, UInt($0.count)) }
    let bytes = path.prefix(max(length, 0)).map { UInt8(bitPattern: $0) }
    guard let slash = bytes.lastIndex(of: 0x2f) else { return [] }
    let file = String(decoding: bytes[..<slash], as: UTF8.self) + "/inside.conf"
    var text = [UInt8](repeating: 0, count: 8192)
    let count: Int
    do throws(SystemError) {
      let descriptor = try FileDescriptor.open(file, flags: 0)
      var span = text.mutableSpan
      count = try span.withUnsafeMutableBytes { (bytes) throws(SystemError) in try descriptor.read(into: bytes) }
    } catch { end("\(file): \(error.sentence)") }
    return text[..<count].split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }
  }

  private static func end(_ why: String) -> Never {
    Log.line("atoll-vmm: \(why)")
    Process.exit(1)
  }
}
