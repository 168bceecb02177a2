import Foundation

/// One line on standard error that says what is being fetched and how far it is; plain lines where that is no terminal.
final class ProgressDisplay {
  private let isTerminal = isatty(2) == 1
  private var current = ""

  /// Starts a step.
  func begin(_ what: String) {
    current = what
    if !isTerminal { write("atoll: \(what)\n") } else { show(nil) }
  }

  /// How far the step is, 0 to 100.
  func update(_ percent: Double) { if isTerminal { show(min(100, max(0, percent))) } }

  /// Ends the step.
  func end() { if isTerminal { write("\r\u{1b}[Katoll: \(current): done\n") } }

  /// Ends the step without success, so that an error can be printed on a line of its own.
  func abort() { if isTerminal { write("\r\u{1b}[K") } }

  private func show(_ percent: Double?) {
    guard let percent else { return write("\r\u{1b}[Katoll: \(current)") }
    let full = Int(percent / 5)
    let bar = String(repeating: "#", count: full) + String(repeating: ".", count: 20 - full)
    write("\r\u{1b}[Katoll: \(current) [\(bar)] \(Int(percent)) %")
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
