// swift-tools-version: 6.2
import PackageDescription

// One package, two ways to compile it (see README, "Two ways to compile"):
// plain `swift build` gives ordinary Swift for tests, sanitizers and debugging; with ATOLL_EMBEDDED=1 every
// runtime-free module is Embedded Swift and the programs are static-pie. The CLI is always ordinary Swift.
let embedded = Context.environment["ATOLL_EMBEDDED"] == "1"
// Where `make deps` unpacked the static libraries and headers of Debian's -dev packages.
let deps = Context.packageDirectory + "/.deps/usr"

let embeddedSettings: [SwiftSetting] =
  embedded ? [.enableExperimentalFeature("Embedded"), .unsafeFlags(["-wmo"])] : []

/// Modules in which every unsafe expression must be spelled out, and warnings are errors.
let strict: [SwiftSetting] = embeddedSettings + [.strictMemorySafety(), .treatAllWarnings(as: .error)]
/// The named modules that own raw pointers: System, SoftHypervisor, DeviceBus, DeviceProcess.
let raw: [SwiftSetting] = embeddedSettings + [.treatAllWarnings(as: .error)]
/// The CPU core: exclusivity checks would cost a call per access (shared state is atomics only).
let core: [SwiftSetting] = raw + [.unsafeFlags(["-enforce-exclusivity=unchecked"])]

let cSettings: [CSetting] = [
  .define("_GNU_SOURCE"), .unsafeFlags(["-I\(deps)/include", "-O2", "-Wall", "-Wextra", "-Werror"]),
]
let staticLink: [LinkerSetting] =
  [.linkedLibrary("m")]
  + (embedded ? [.unsafeFlags(["-use-ld=lld", "-Xclang-linker", "-static-pie"])] : [])
func archive(_ name: String) -> LinkerSetting { .unsafeFlags(["\(deps)/lib/static/\(name)"]) }

/// A device: a model library and the thin process that joins it to the bus.
func device(_ name: String) -> [Target] {
  [
    .target(
      name: "\(name)Model", dependencies: ["DeviceModel"], path: "Sources/Devices/\(name)/Model",
      swiftSettings: strict),
    .executableTarget(
      name: "atoll-\(name.lowercased())",
      dependencies: [.target(name: "\(name)Model"), "DeviceProcess"],
      path: "Sources/Devices/\(name)/Process", swiftSettings: strict, linkerSettings: staticLink),
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
  .target(name: "CJSON", cSettings: cSettings, linkerSettings: [archive("libjansson.a")]),
  .target(name: "System", dependencies: ["CSystem"], swiftSettings: raw),
  .target(name: "Hypervisor", dependencies: ["System"], swiftSettings: strict),
  .target(
    name: "SoftHypervisor", dependencies: ["Hypervisor", "System", "CSystem"], swiftSettings: core),
  .target(
    name: "DeviceBus", dependencies: ["System"], path: "Protocols/DeviceBus",
    exclude: ["README.md"], swiftSettings: raw),
  .target(name: "DeviceModel", swiftSettings: strict),
  .target(
    name: "DeviceProcess", dependencies: ["DeviceModel", "DeviceBus", "System"], swiftSettings: raw),
  .target(name: "Machine", dependencies: [], swiftSettings: strict),
  .target(
    name: "Control", dependencies: ["CJSON", "System", "Machine"], path: "Protocols/Control",
    exclude: ["README.md"], swiftSettings: raw),
  .target(
    name: "Sandbox", dependencies: ["System", "CSystem", "CSeccomp"], path: "Sandboxing",
    exclude: ["README.md"], swiftSettings: raw),
  .target(
    name: "LoaderCore", dependencies: ["Machine", "System", "CCompression"],
    path: "Sources/Loader/Core", swiftSettings: strict),
  .executableTarget(
    name: "atoll-loader", dependencies: ["LoaderCore", "DeviceBus", "System"],
    path: "Sources/Loader/Process", swiftSettings: strict, linkerSettings: staticLink),
  .executableTarget(
    name: "atoll-vmm",
    dependencies: ["Hypervisor", "SoftHypervisor", "DeviceBus", "Machine", "System"],
    path: "Sources/VMM", swiftSettings: raw, linkerSettings: staticLink),
  .executableTarget(
    name: "atoll-terminal", dependencies: ["DeviceBus", "System"], path: "Sources/Terminal",
    swiftSettings: strict, linkerSettings: staticLink),
  .executableTarget(
    name: "atoll-supervisor",
    dependencies: ["Control", "DeviceBus", "Machine", "Sandbox", "System"],
    path: "Sources/Supervisor", swiftSettings: raw, linkerSettings: staticLink),
]
targets += device("Serial") + device("RTC") + device("Power")

var dependencies: [Package.Dependency] = []
if !embedded {
  dependencies.append(
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"))
  targets += [
    .executableTarget(
      name: "atoll",
      dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Sources/CLI")
  ]
}

let package = Package(name: "atoll", dependencies: dependencies, targets: targets, swiftLanguageModes: [.v6])
