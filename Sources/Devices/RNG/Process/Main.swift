import VhostDevice

/// Entropy for a guest, as a vhost-user back-end.
@main struct Main {
  static func main() {
    BackEndProgram.run(.init(name: "atoll-rng", type: "rng", features: [])) { (_) throws(UsageError) in
      EntropyDevice()
    }
  }
}
