import CSystem
import SelfTestCore
import System

/// Prints the transcript; or, with an argument, runs the guest whose RAM is descriptor 3 on the software CPU.
@main struct Main {
  static func main() {
    guard atoll_argument(1) != nil else {
      write(Transcript().text)
      Process.exit(0)
    }
    let ram = FileDescriptor(owning: 3)
    let size: Int
    do throws(SystemError) { size = try ram.fileSize() } catch { fail(error.sentence) }
    do throws(CPURun.Failure) { try CPURun.run(ram, size: size) } catch { fail(error.sentence) }
    Process.exit(0)
  }

  private static func write(_ text: String) {
    var bytes = [UInt8](text.utf8)
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { atoll_write(1, $0.baseAddress, UInt($0.count)) }
      guard count > 0 else { fail("standard output takes nothing") }
      bytes = Array(bytes[Int(count)...])
    }
  }

  private static func fail(_ sentence: String) -> Never {
    Log.line("atoll-selftest: \(sentence)")
    Process.exit(1)
  }
}
