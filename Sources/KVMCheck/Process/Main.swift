import KVMCheckCore

/// Checks a LoongArch host's KVM and prints what was expected and what was seen.
@main struct Main {
  static func main() { CheckProgram.run() }
}
