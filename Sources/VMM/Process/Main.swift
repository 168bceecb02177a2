import VMMCore

/// The virtual CPUs and the interrupt controllers of a machine.
@main struct Main {
  static func main() { VMMProgram.run() }
}
