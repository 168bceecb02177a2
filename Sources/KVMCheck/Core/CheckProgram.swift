import CSystem
import Hypervisor
import KVMHypervisor
import System

/// `atoll-kvm-check`.
public enum CheckProgram {
  /// Exit status of a check that could not be done.
  public static let couldNotRun: Int32 = 2

  /// Checks this host; ends the process.
  public static func run() -> Never {
    let arguments = Self.arguments
    for argument in arguments.dropFirst() {
      guard isSame(argument, "--help") else {
        Log.line("atoll-kvm-check takes no arguments but --help, not \(argument)")
        Process.exit(couldNotRun)
      }
      write(help)
      Process.exit(0)
    }
    do throws(Ending) {
      Process.exit(try check())
    } catch {
      Log.line("atoll-kvm-check: \(error.sentence)")
      Process.exit(couldNotRun)
    }
  }

  private static func check() throws(Ending) -> Int32 {
    guard atoll_host_is_loongarch() == 1 else { throw Ending(sentence: HostShortcoming.otherArchitecture.sentence) }
    let kvm = try openKVM()
    let check = KVMCheck(calls: KernelCalls(), kvm: kvm.raw, release: .running)
    let obstacle = check.run()
    write(check.report.table)
    if let obstacle { throw Ending(sentence: obstacle.sentence) }
    write("\n" + check.report.summary + "\n")
    return check.report.exitStatus
  }

  private static func openKVM() throws(Ending) -> FileDescriptor {
    do throws(SystemError) {
      // O_RDWR | O_CLOEXEC
      return try FileDescriptor.open("/dev/kvm", flags: 0x8_0002)
    } catch {
      switch error.number {
      case Errno.noEntry: throw Ending(sentence: HostShortcoming.noKVM.sentence)
      case Errno.access, Errno.perm: throw Ending(sentence: HostShortcoming.notPermitted.sentence)
      default: throw Ending(sentence: "/dev/kvm cannot be opened: \(error.sentence)")
      }
    }
  }

  private struct Ending: Error {
    let sentence: String
  }

  private static var help: String {
    """
    Usage: atoll-kvm-check

    Checks what Atoll takes for granted of a LoongArch host's KVM: asks the kernel, makes machines whose interrupts it
    raises by eventfd, and runs a guest of 41 instructions. It needs /dev/kvm and nothing else, takes a few seconds and
    leaves nothing behind but a line in the kernel's log, for a second interrupt controller that it must refuse. The table
    on standard output has what was expected and what was seen.

    Exit status: 0 all as expected, 1 something differs, 2 the check could not be done.

    """
  }

  /// This process' arguments; Embedded Swift has no `CommandLine`.
  private static var arguments: [String] {
    var bytes = [UInt8](repeating: 0, count: 4096)
    do throws(SystemError) {
      let file = try FileDescriptor.open("/proc/self/cmdline", flags: 0)
      let raw = file.raw
      let count = bytes.withUnsafeMutableBytes { atoll_read(raw, $0.baseAddress, UInt($0.count)) }
      bytes.removeSubrange(max(0, count)...)
    } catch {
      return []
    }
    var result: [String] = []
    for part in bytes.split(separator: 0) { result.append(String(decoding: part, as: UTF8.self)) }
    return result
  }

  /// All of a text to standard output, however many writes that takes.
  private static func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let written = atoll_write(1, bytes.baseAddress.map { $0 + done }, UInt(bytes.count - done))
        guard written > 0 || written == -Int(Errno.interrupted) else { return }
        done += max(0, written)
      }
    }
  }
}
