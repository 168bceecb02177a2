import Hypervisor
import Testing

@testable import KVMHypervisor

extension Trait where Self == ConditionTrait {
  /// Skips a test where Linux's headers were not fetched, and says so.
  static var needsHeaders: Self {
    .enabled(if: KernelHeaders.absence == nil, Comment(rawValue: KernelHeaders.absence ?? ""))
  }
}

/// Where the interface is declared.
private let sources = ["Sources/KVMHypervisor", "Sources/KVMCheck/Core/Numbers.swift"]

@Suite(.needsHeaders) struct HeaderTests {
  @Test func headersAreOfLinux7OrNewer() throws {
    let version = try KernelHeaders.values(of: ["LINUX_VERSION_CODE"])[0]

    print("Linux's headers of LoongArch are of \(version >> 16).\(version >> 8 & 0xff).\(version & 0xff)")
    #expect(version >> 16 >= 7)
  }

  @Test func everyRequestHasTheKernelsNumber() throws {
    let requests = try Declarations(in: sources).requests.filter { Absent.requests[$0.name] == nil }

    let values = try KernelHeaders.values(of: requests.map(\.name))

    #expect(requests.count >= 20)
    for (request, value) in zip(requests, values) {
      #expect(request.number == value, "\(request.name) is \(hex(value))")
    }
  }

  @Test func everyConstantHasTheKernelsValue() throws {
    let constants = Constant.all + Constant.alike

    let values = try KernelHeaders.values(of: constants.map(\.expression))

    for (constant, value) in zip(constants, values) {
      #expect(constant.value == value, "\(constant.name), \(constant.expression), is \(hex(value))")
    }
  }

  @Test func everyStructureIsLaidOutAsTheKernels() throws {
    let layouts = Layout.all + Layout.parts

    let values = try KernelHeaders.values(of: layouts.map(\.expression))

    for (layout, value) in zip(layouts, values) {
      #expect(layout.value == value, "\(layout.name), \(layout.expression), is \(value)")
    }
  }

  @Test func theMappedPartOfARunAreaHoldsEveryFieldThatIsRead() throws {
    let end = try KernelHeaders.values(of: ["__builtin_offsetof(struct kvm_run, mmio.is_write) + 1"])[0]

    #expect(KVMRunArea.minimumSize >= end)
  }
}

/// That nothing is left out. These need no headers.
struct CompletenessTests {
  @Test func everyDeclaredConstantIsComparedOrGivenAReason() throws {
    // Those of requests are compared by the name in them.
    let declared = try Declarations(in: sources).constants.filter { !$0.hasPrefix("KVMRequest.") }
    let compared = Set(Constant.all.map(\.name))

    let forgotten = declared.filter { !compared.contains($0) && !Absent.has($0) }
    let gone = compared.subtracting(declared)

    #expect(forgotten.isEmpty, "compare them in Constants.swift, or give a reason in Absent.swift")
    #expect(gone.isEmpty, "no longer declared, or no longer found")
  }

  @Test func everyStructureAndFieldIsCompared() throws {
    let declared = try Declarations(in: sources)
    let compared = Set(Layout.all.map(\.name))

    let wanted = Set(declared.structures + declared.fields.filter { !$0.hasSuffix(".padding") })

    #expect(declared.structures.count >= 12)
    #expect(wanted.subtracting(compared) == [], "compare them in Structures.swift")
    #expect(compared.subtracting(wanted) == [], "no longer declared, or no longer found")
  }
}
