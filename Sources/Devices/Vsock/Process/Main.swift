import System
import VhostDevice

/// Sockets between a guest and the host, as a vhost-user back-end.
@main struct Main {
  static func main() {
    BackEndProgram.run(.init(name: "atoll-vsock", type: "vsock")) { (options) throws(UsageError) in
      guard let cid = try options.number("--guest-cid", in: 3...0xffff_fffe) else {
        throw UsageError("--guest-cid must say which address the guest has, from 3 on")
      }
      guard let path = try options.value("--uds-path") else {
        throw UsageError("--uds-path must say where programs of the host find the guest")
      }
      do throws(SystemError) {
        return try VsockDevice(cid: UInt64(cid), path: path)
      } catch { throw UsageError("--uds-path=\(path): \(error.sentence)") }
    }
  }
}
