import Testing
import X86Guest

extension Trait where Self == ConditionTrait {
  /// Skips a test where no guest of x86 can run, and says why.
  static var needsKVM: Self {
    .enabled(if: X86Host.absence == nil, Comment(rawValue: X86Host.absence ?? ""))
  }
}
