// The fuzzer: `TARGET=serial atoll-fuzz [libFuzzer options] [corpus folders]`. `make fuzz` builds and starts it.

import CFuzz
import FuzzTargets
import Glibc

@main
struct Main {
  /// The target that the environment names. libFuzzer's callback cannot carry it.
  static let target: FuzzTarget? = getenv("TARGET").flatMap { FuzzTarget.named(String(cString: $0)) }

  static func main() {
    guard let target else {
      print("atoll-fuzz: set TARGET to one of: \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
      exit(2)
    }
    if CommandLine.arguments.count == 3, CommandLine.arguments[1] == "--write-seeds" {
      writeSeeds(of: target, to: CommandLine.arguments[2])
      return
    }
    exit(
      atoll_fuzz_run(CommandLine.argc, CommandLine.unsafeArgv) { data, size in
        Main.runOne(UnsafeBufferPointer(start: data, count: Int(size)))
        return 0
      })
  }

  /// A broken promise ends the process, so that libFuzzer keeps the input.
  private static func runOne(_ input: UnsafeBufferPointer<UInt8>) {
    guard let broken = target?.run(Array(input)) else { return }
    fatalError(broken)
  }

  /// libFuzzer wants seeds as files.
  private static func writeSeeds(of target: FuzzTarget, to folder: String) {
    for (index, seed) in target.seeds.enumerated() {
      guard let file = fopen("\(folder)/seed-\(index)", "w") else { exit(1) }
      fwrite(seed, 1, seed.count, file)
      fclose(file)
    }
  }
}
