// swift-tools-version: 6.2
import PackageDescription

// One package, two ways to compile it (see README, "Two ways to compile"):
// plain `swift build` gives ordinary Swift for tests, sanitizers and debugging; with ATOLL_EMBEDDED=1 every
// runtime-free module is Embedded Swift and the programs are static-pie. The CLI is always ordinary Swift.
let embedded = Context.environment["ATOLL_EMBEDDED"] == "1"
// Where `make deps` unpacked the static libraries and headers of Debian's -dev packages; `make loong64` has its own.
let deps = Context.environment["ATOLL_DEPS"] ?? Context.packageDirectory + "/.deps/usr"

let embeddedSettings: [SwiftSetting] =
  embedded
  ? [
    .enableExperimentalFeature("Embedded"),
    // Swift 6.3 numbers the constant arrays that it outlines in the order in which each module's copy of a function uses
    // them, and gives them weak symbols: where two modules hold copies of one function the linker mixes the arrays up.
    .unsafeFlags(["-wmo", "-Xllvm", "-sil-disable-pass=object-outliner"]),
  ] : []

/// Modules in which every unsafe expression must be spelled out, and warnings are errors.
let strict: [SwiftSetting] = embeddedSettings + [.strictMemorySafety(), .treatAllWarnings(as: .error)]
/// The named modules that own raw pointers: System, SoftHypervisor, DeviceBus, DeviceProcess.
let raw: [SwiftSetting] = embeddedSettings + [.treatAllWarnings(as: .error)]
/// The CPU core: exclusivity checks would cost a call per access (shared state is atomics only).
/// Optimised in debug builds too: tests run guests on it, and they should see the code that ships.
let core: [SwiftSetting] =
  raw + [.unsafeFlags(["-enforce-exclusivity=unchecked"]), .unsafeFlags(["-O"], .when(configuration: .debug))]

let cSettings: [CSetting] = [
  .define("_GNU_SOURCE"), .unsafeFlags(["-I\(deps)/include", "-O2", "-Wall", "-Wextra", "-Werror"]),
]
let staticLink: [LinkerSetting] =
  [.linkedLibrary("m")]
  + (embedded ? [.unsafeFlags(["-use-ld=lld", "-Xclang-linker", "-static-pie"])] : [])
func archive(_ name: String) -> LinkerSetting { .unsafeFlags(["\(deps)/lib/static/\(name)"]) }

/// A device: a model library and the thin process that joins it to the bus.
func device(_ name: String, program: String? = nil, extra: [Target.Dependency] = []) -> [Target] {
  [
    .target(
      name: "\(name)Model", dependencies: ["DeviceModel"], path: "Sources/Devices/\(name)/Model",
      swiftSettings: strict),
    .executableTarget(
      name: "atoll-\(program ?? name.lowercased())",
      dependencies: [.target(name: "\(name)Model"), "DeviceProcess"] + extra,
      path: "Sources/Devices/\(name)/Process", swiftSettings: strict, linkerSettings: staticLink),
  ]
}

/// A virtio device: a model library and the vhost-user back-end that serves it, beside the back-end's JSON description.
/// `modelUses` and `uses` are what the model and the program need beyond what all of them do.
func virtioDevice(
  _ name: String, modelUses: [Target.Dependency] = [], uses: [Target.Dependency] = []
) -> [Target] {
  [
    .target(
      name: "\(name)Model", dependencies: modelUses, path: "Sources/Devices/\(name)/Model", swiftSettings: strict),
    .executableTarget(
      name: "atoll-\(name.lowercased())",
      dependencies: [.target(name: "\(name)Model"), "VhostDevice", "Virtqueue", "System", "CSystem"] + uses,
      path: "Sources/Devices/\(name)/Process", swiftSettings: raw, linkerSettings: staticLink),
  ]
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)")
}

var targets: [Target] = [
  .target(name: "CSystem", cSettings: cSettings),
  .target(name: "CSeccomp", cSettings: cSettings, linkerSettings: [archive("libseccomp.a")]),
  .target(
    name: "CCompression", cSettings: cSettings,
    linkerSettings: [archive("libzstd.a"), archive("libz.a")]),
  .target(
    name: "CSlirp", cSettings: cSettings,
    linkerSettings: [archive("libslirp.a"), archive("libglib-2.0.a"), archive("libpcre2-8.a")]),
  .target(name: "CURing", cSettings: cSettings, linkerSettings: [archive("liburing.a")]),
  .target(name: "CJSON", cSettings: cSettings, linkerSettings: [archive("libjansson.a")]),
  .target(name: "System", dependencies: ["CSystem"], swiftSettings: raw),
  .target(name: "Hypervisor", dependencies: ["System"], swiftSettings: strict),
  .target(
    name: "SoftHypervisor", dependencies: ["Hypervisor", "System", "CSystem"], swiftSettings: core),
  // The run loop's state lives in raw memory that the kernel shares.
  .target(name: "KVMHypervisor", dependencies: ["Hypervisor", "System", "CSystem"], swiftSettings: core),
  // For any LoongArch host, without the rest of a machine.
  .target(
    name: "KVMCheckCore", dependencies: ["Hypervisor", "KVMHypervisor", "System", "CSystem"],
    path: "Sources/KVMCheck/Core", swiftSettings: raw),
  .executableTarget(
    name: "atoll-kvm-check", dependencies: ["KVMCheckCore"], path: "Sources/KVMCheck/Process", swiftSettings: strict,
    linkerSettings: staticLink),
  .target(
    name: "DeviceBus", dependencies: ["System", "CSystem"], path: "Protocols/DeviceBus",
    exclude: ["README.md"], swiftSettings: raw),
  .target(
    name: "Virtqueue", dependencies: ["System", "CSystem"], path: "Protocols/Virtqueue",
    exclude: ["README.md"], swiftSettings: raw),
  .target(
    name: "VhostUser", dependencies: ["System", "CSystem"], path: "Protocols/VhostUser",
    exclude: ["README.md"], swiftSettings: raw),
  .target(name: "DeviceModel", swiftSettings: strict),
  .target(
    name: "DeviceProcess", dependencies: ["DeviceModel", "DeviceBus", "System", "CSystem"], swiftSettings: raw),
  .target(
    name: "VhostDevice", dependencies: ["DeviceBus", "VhostUser", "Virtqueue", "System", "CSystem"], swiftSettings: raw),
  .target(name: "Machine", dependencies: [], swiftSettings: strict),
  .target(
    name: "Control", dependencies: ["CJSON", "System", "Machine"], path: "Protocols/Control",
    exclude: ["README.md", "machine.schema.json"], swiftSettings: raw),
  .target(
    name: "Sandbox", dependencies: ["System", "CSystem", "CSeccomp"], path: "Sandboxing",
    exclude: ["README.md"], swiftSettings: raw),
  .target(
    name: "LoaderCore", dependencies: ["Machine", "System", "CSystem", "CCompression"],
    path: "Sources/Loader/Core", swiftSettings: strict),
  .executableTarget(
    name: "atoll-loader", dependencies: ["LoaderCore", "DeviceBus", "Machine", "System"],
    path: "Sources/Loader/Process", swiftSettings: strict, linkerSettings: staticLink),
  .target(
    name: "VMMCore", dependencies: ["Hypervisor", "KVMHypervisor", "SoftHypervisor", "DeviceBus", "Machine", "System"],
    path: "Sources/VMM/Core", swiftSettings: core),
  .executableTarget(
    name: "atoll-vmm", dependencies: ["VMMCore"], path: "Sources/VMM/Process", swiftSettings: strict,
    linkerSettings: staticLink),
  // `make bench` alone: the VMM with a device in its own process.
  .executableTarget(
    name: "atoll-vmm-inside", dependencies: ["VMMCore", "BlockEngine", "VhostDevice", "System", "CSystem"],
    path: "Tests/Bench/Inside", swiftSettings: raw, linkerSettings: staticLink),
  .executableTarget(
    name: "atoll-terminal", dependencies: ["DeviceBus", "System", "CSystem"], path: "Sources/Terminal",
    swiftSettings: strict, linkerSettings: staticLink),
  .executableTarget(
    name: "atoll-supervisor",
    dependencies: ["Control", "CSystem", "DeviceBus", "Hypervisor", "Machine", "Sandbox", "System"],
    path: "Sources/Supervisor", swiftSettings: raw, linkerSettings: staticLink),
]
// A program that misbehaves in a sandbox, for Tests/Sandbox.
targets += [
  .target(name: "CProbe", path: "Tests/Sandbox/Probe/CProbe", cSettings: cSettings),
  .executableTarget(
    name: "atoll-probe", dependencies: ["CProbe", "CSystem", "DeviceBus", "Sandbox", "System"],
    path: "Tests/Sandbox/Probe/Process", swiftSettings: raw, linkerSettings: staticLink),
]
targets.append(
  .testTarget(
    name: "SandboxTests", dependencies: ["Sandbox", "System"], path: "Tests/Sandbox", exclude: ["Probe"]))
targets += device("Serial") + device("RTC") + device("Power")
targets += device("Flash", extra: ["DeviceBus", "DeviceModel", "System", "CSystem"])
targets += device("FirmwareConfig", program: "fwcfg", extra: ["DeviceBus", "DeviceModel", "System", "CSystem"])
// The back-ends of the virtio devices.
targets += virtioDevice("RNG") + virtioDevice("Net", uses: ["CSlirp"]) + virtioDevice("Vsock")
  + virtioDevice("Console", uses: ["DeviceBus"])
targets += virtioDevice("Block", uses: ["BlockEngine"])
// A library, so that a bench can call the disk in its own process.
targets.append(
  .target(
    name: "BlockEngine", dependencies: ["BlockModel", "CURing", "VhostDevice", "Virtqueue", "System", "CSystem"],
    path: "Sources/Devices/Block/Engine", swiftSettings: raw))

// The PCIe host: a device whose other side is vhost-user.
targets += [
  .target(
    name: "PCIeModel", dependencies: ["DeviceModel"], path: "Sources/Devices/PCIe/Model", swiftSettings: strict),
  .executableTarget(
    name: "atoll-pcie", dependencies: ["PCIeModel", "DeviceModel", "DeviceProcess", "DeviceBus", "VhostUser", "System", "CSystem"],
    path: "Sources/Devices/PCIe/Process", swiftSettings: raw, linkerSettings: staticLink),
]

// What the modules do with fixed inputs, to be compared between machines (make test-loong64).
targets += [
  // The driver's side of the rings, for every test and bench of a virtio device.
  .target(
    name: "VirtqueueDriver", dependencies: ["Virtqueue", "System"], path: "Tests/Virtqueue/Driver",
    swiftSettings: embeddedSettings),
  .target(
    name: "SelfTestCore",
    dependencies: [
      "BlockModel", "DeviceModel", "FirmwareConfigModel", "PowerModel", "RTCModel", "SerialModel", "DeviceBus", "Hypervisor",
      "Machine", "SoftHypervisor", "System", "VhostUser", "Virtqueue", "VirtqueueDriver",
    ],
    path: "Tests/SelfTest/Core", swiftSettings: embeddedSettings),
  .executableTarget(
    name: "atoll-selftest", dependencies: ["SelfTestCore", "System", "CSystem"], path: "Tests/SelfTest/Program",
    swiftSettings: embeddedSettings, linkerSettings: staticLink),
]

var dependencies: [Package.Dependency] = []
if !embedded {
  dependencies.append(
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"))
  targets += [
    .executableTarget(
      name: "atoll",
      dependencies: [
        "Control", "CSystem", "System", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/CLI"),
    // `make bench`.
    .executableTarget(
      name: "atoll-bench",
      dependencies: [
        "Control", "CSystem", "CTimeStamp", "DeviceBus", "Hypervisor", "KVMHypervisor", "LoaderCore", "Machine", "SoftHypervisor",
        "System", "X86Guest",
      ],
      path: "Tests/Bench", exclude: ["Inside"]),
  ]
}

if !embedded {
  // What fuzzers and tests share: the language in which they drive the models, and the table of targets.
  targets += [
    .target(name: "FuzzSupport", dependencies: ["DeviceModel"], path: "Tests/Fuzzing/Support"),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "FuzzSupport", "DeviceModel", "SerialModel", "RTCModel", "PowerModel", "PCIeModel", "FlashModel",
        "FirmwareConfigModel", "LoaderCore", "KernelSamples", "Machine", "DeviceBus", "Hypervisor", "SoftHypervisor", "StateComparison", "System", "VhostUser", "Virtqueue",
        "VirtqueueDriver", "BlockEngine", "BlockModel",
      ],
      path: "Tests/Fuzzing/Targets"),
    .testTarget(name: "FuzzRegressionTests", dependencies: ["FuzzSupport", "FuzzTargets"], path: "Tests/Fuzzing/Replay"),
  ]
  targets += [
    tests("Control", ["Control", "Machine"]),
    tests("Supervisor", ["atoll-supervisor", "Control", "DeviceBus", "Hypervisor", "System"]),
    tests("CLI", ["atoll"]),
    tests("System", ["Control", "CSystem", "System", "InteropSupport"]),
    tests("Machine", ["Machine"]),
    .target(name: "KernelSamples", dependencies: ["Machine"], path: "Tests/KernelSamples"),
    tests("Loader", ["LoaderCore", "KernelSamples", "Machine", "System"]),
    tests("DeviceBus", ["DeviceBus", "System"]),
    tests("VhostUser", ["VhostUser", "System", "CSystem"]),
    // A front-end without a guest, for measuring and for trying out back-ends of others.
    .target(
      name: "VhostBenchSupport", dependencies: ["VhostUser", "VirtqueueDriver", "System", "CSystem"],
      path: "Tests/VhostBench/Support"),
    // The host's side of what guests do with networks and sockets.
    .target(name: "InteropSupport", dependencies: ["CSystem"], path: "Tests/InteropSupport"),
    tests(
      "Interop",
      ["InteropSupport", "VhostBenchSupport", "VhostUser", "atoll-rng", "atoll-block", "atoll-net", "atoll-vsock", "atoll-console"]),
    .executableTarget(
      name: "atoll-vhost-bench", dependencies: ["VhostBenchSupport", "VhostUser", "System"],
      path: "Tests/VhostBench/Program"),
    // Sees each store that a dying process could have got to.
    .target(name: "CStores", path: "Tests/Virtqueue/CStores", cSettings: cSettings),
    .target(name: "StoreRecording", dependencies: ["CStores", "System"], path: "Tests/Virtqueue/Stores"),
    .testTarget(
      name: "VirtqueueTests",
      dependencies: ["Virtqueue", "VirtqueueDriver", "StoreRecording", "CSystem", "System"],
      path: "Tests/Virtqueue/Cases"),
    tests(
      "VhostDevice",
      ["VhostDevice", "VhostUser", "Virtqueue", "VirtqueueDriver", "DeviceBus", "System", "CSystem", "atoll-rng"]),
    tests(
      "VMM",
      ["VMMCore", "DeviceBus", "Hypervisor", "KVMHypervisor", "SoftHypervisor", "ProcessSupport", "System", "atoll-vmm"]),
    .testTarget(name: "ConsoleModelTests", dependencies: ["ConsoleModel"], path: "Tests/Devices/Console/Model"),
    .testTarget(
      name: "ConsoleTests",
      dependencies: [
        "atoll-console", "ConsoleModel", "VhostDevice", "Virtqueue", "VirtqueueDriver", "StoreRecording", "DeviceBus",
        "System", "CSystem",
      ],
      path: "Tests/Devices/Console/Process"),
    // A device that tells on lost or repeated accesses, its process, and what kills it.
    .target(name: "FakeDevice", dependencies: ["DeviceModel"], path: "Tests/DeviceProcess/FakeDevice"),
    .executableTarget(
      name: "fake-device", dependencies: ["FakeDevice", "DeviceProcess"], path: "Tests/DeviceProcess/Program"),
    // Programs and threads that a test starts and awaits.
    .target(name: "ProcessSupport", dependencies: ["System"], path: "Tests/DeviceProcess/Support"),
    .testTarget(
      name: "DeviceProcessTests",
      dependencies: [
        "ProcessSupport", "DeviceProcess", "DeviceBus", "DeviceModel", "System", "CSystem", "FakeDevice", "fake-device", "atoll-serial",
        "atoll-terminal",
      ],
      path: "Tests/DeviceProcess/Cases"),
    .testTarget(
      name: "FirmwareProcessTests",
      dependencies: [
        "ProcessSupport", "DeviceBus", "Machine", "System", "CSystem", "atoll-flash", "atoll-fwcfg",
      ],
      path: "Tests/Devices/FirmwareProcess"),
    .executableTarget(
      name: "device-bus-bench", dependencies: ["DeviceBus", "DeviceModel", "RTCModel", "System", "CSystem"],
      path: "Tests/DeviceProcess/Bench"),
    // What tests of any hypervisor compare saved states with.
    .target(name: "StateComparison", dependencies: ["Hypervisor"], path: "Tests/Hypervisor/StateComparison"),
    tests("SoftHypervisor", ["SoftHypervisor", "Hypervisor", "StateComparison", "Machine", "System", "CSystem"]),
    tests("Differential", ["SoftHypervisor", "Hypervisor", "System", "ProcessSupport"]),
    // What `make loong64` builds, under QEMU's user-mode emulator.
    tests(
      "Loong64",
      [
        "atoll", "ProcessSupport", "KernelSamples", "SelfTestCore", "VhostBenchSupport", "DeviceBus", "Machine", "System",
        "CSystem",
      ]),
    .testTarget(
      name: "KVMHeaderTests", dependencies: ["KVMHypervisor", "KVMCheckCore", "Hypervisor"],
      path: "Tests/KVMHypervisor/Headers"),
    // Answers like the kernel's KVM on LoongArch, so that the real code can be run against it anywhere.
    .target(name: "KVMKernelModel", dependencies: ["KVMHypervisor", "CSystem"], path: "Tests/KVMHypervisor/KernelModel"),
    .testTarget(
      name: "KVMHypervisorTests",
      dependencies: ["KVMHypervisor", "KVMKernelModel", "Hypervisor", "StateComparison", "System", "CSystem"],
      path: "Tests/KVMHypervisor/LoongArch"),
    .testTarget(
      name: "KVMCheckTests",
      dependencies: ["KVMCheckCore", "atoll-kvm-check", "KVMHypervisor", "KVMKernelModel", "SoftHypervisor", "Hypervisor", "System"],
      path: "Tests/KVMHypervisor/Check"),
  ]
  // The part of KVMHypervisor that all architectures share, on the real kernel of an x86 machine: a small guest, another
  // process for its doorbells and interrupts, and the tests.
  targets += [
    .target(name: "CTimeStamp", path: "Tests/KVMHypervisor/X86/CTimeStamp"),
    .target(
      name: "X86Guest",
      dependencies: ["CTimeStamp", "CSystem", "DeviceBus", "Hypervisor", "KVMHypervisor", "ProcessSupport", "System"],
      path: "Tests/KVMHypervisor/X86/Guest"),
    .executableTarget(name: "kvm-peer", dependencies: ["X86Guest"], path: "Tests/KVMHypervisor/X86/Peer"),
    .testTarget(
      name: "KVMGenericTests",
      dependencies: [
        "X86Guest", "kvm-peer", "fake-device", "ProcessSupport", "DeviceBus", "Hypervisor", "KVMHypervisor", "System",
      ],
      path: "Tests/KVMHypervisor/X86/Cases"),
  ]
  targets += [
    .testTarget(
      name: "PCIeModelTests", dependencies: ["PCIeModel", "DeviceModel", "FuzzSupport"], path: "Tests/Devices/PCIe/Model"),
    // With a VMM and back-ends that the tests play.
    .testTarget(
      name: "PCIeProcessTests",
      dependencies: [
        "ProcessSupport", "PCIeModel", "atoll-pcie", "DeviceProcess", "DeviceBus", "VhostUser", "System", "CSystem",
      ],
      path: "Tests/Devices/PCIe/Process"),
  ]
  targets += [
    .testTarget(name: "BlockModelTests", dependencies: ["BlockModel"], path: "Tests/Devices/Block/Model"),
    .testTarget(
      name: "BlockEngineTests",
      dependencies: [
        "BlockEngine", "BlockModel", "CURing", "CRingProbe", "Virtqueue", "VirtqueueDriver", "FuzzSupport", "System",
      ],
      path: "Tests/Devices/Block/Engine"),
    .target(name: "CRingProbe", path: "Tests/Devices/Block/RingProbe", cSettings: cSettings),
    .testTarget(
      name: "BlockProcessTests", dependencies: ["atoll-block", "VhostBenchSupport", "VirtqueueDriver", "System"],
      path: "Tests/Devices/Block/Process"),
  ]
  for name in ["Net", "RNG", "Vsock"] {
    targets.append(
      .testTarget(
        name: "\(name)ModelTests", dependencies: [.target(name: "\(name)Model")], path: "Tests/Devices/\(name)"))
  }
  for name in ["Serial", "RTC", "Power", "Flash", "FirmwareConfig"] {
    targets.append(
      .testTarget(
        name: "\(name)ModelTests", dependencies: [.target(name: "\(name)Model"), "DeviceModel", "FuzzSupport"],
        path: "Tests/Devices/\(name)"))
  }
}

// The fuzzer, built by `make fuzz` alone: its main needs libFuzzer, which only -sanitize=fuzzer links.
// lld, because the default linker fails on the debug information of sanitized code.
if !embedded, Context.environment["ATOLL_FUZZ"] == "1" {
  targets += [
    .target(name: "CFuzz", path: "Tests/Fuzzing/CFuzz"),
    .executableTarget(
      name: "atoll-fuzz", dependencies: ["CFuzz", "FuzzTargets"], path: "Tests/Fuzzing/Run",
      linkerSettings: [.unsafeFlags(["-use-ld=lld"])]),
  ]
}

// See the Makefile, `test-sanitize`.
if Context.environment["ATOLL_THREAD_SANITIZER"] == "1" {
  let unfit: Set<String> = [
    "SoftHypervisor", "VMMCore", "atoll-vmm", "atoll-vmm-inside", "atoll-bench", "FuzzTargets", "FuzzRegressionTests", "SoftHypervisorTests", "VMMTests",
    "DifferentialTests", "SystemTests", "BlockEngine", "atoll-block", "BlockEngineTests", "BlockProcessTests", "InteropTests", "KVMCheckTests",
    "SelfTestCore", "atoll-selftest", "Loong64Tests",
  ]
  targets.removeAll { unfit.contains($0.name) }
}

let package = Package(name: "atoll", dependencies: dependencies, targets: targets, swiftLanguageModes: [.v6])
