import BlockEngine
import VhostDevice

/// A disk for a guest, as a vhost-user back-end: a raw file or a block device.
@main struct Main {
  static func main() {
    BackEndProgram.run(.init(name: "atoll-block", type: "block", features: ["read-only", "blk-file"])) {
      (options) throws(UsageError) in
      try BlockBackEnd(options: &options)
    }
  }
}
