import X86Guest

/// The other process of the tests and the bench: it signals, waits for and writes to what it is sent.
@main struct Main {
  static func main() { PeerProgram.run() }
}
