// swift-tools-version: 6.2
import PackageDescription

var settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableExperimentalFeature("Lifetimes"),
]
// Locally a warning is a hint; in CI it fails the build. A user with a newer
// compiler than ours must still be able to build.
if Context.environment["CI"] != nil {
  settings.append(.treatAllWarnings(as: .error))
}

let package = Package(
  name: "sluice",
  products: [
    .executable(name: "sluice", targets: ["SluiceCommand"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
  ],
  targets: [
    // What Glibc's module map leaves out: epoll, accept4, eventfd, signalfd.
    .target(name: "CLinux"),
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),

    // Pure cores: no I/O, no clock, no randomness of their own.
    .target(name: "HTTPCore", swiftSettings: settings),
    .target(name: "WebSocketCore", dependencies: ["HTTPCore"], swiftSettings: settings),

    // Shells.
    .target(name: "SystemIO", dependencies: ["CLinux"], swiftSettings: settings),
    .target(name: "TLS", dependencies: ["COpenSSL"], swiftSettings: settings),
    .target(
      name: "GatewayWorker",
      dependencies: ["HTTPCore", "WebSocketCore", "SystemIO", "TLS"],
      resources: [.embedInCode("Resources/chat.html")],
      swiftSettings: settings),
    .executableTarget(
      name: "SluiceCommand",
      dependencies: [
        "GatewayWorker",
        "HTTPCore",
        "SystemIO",
        "TLS",
        "WebSocketCore",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),

    .testTarget(name: "HTTPCoreTests", dependencies: ["HTTPCore"], swiftSettings: settings),
    .testTarget(
      name: "WebSocketCoreTests", dependencies: ["WebSocketCore", "HTTPCore"],
      swiftSettings: settings),
    .executableTarget(
      name: "CoreBenchmarks", dependencies: ["WebSocketCore"], path: "Tests/CoreBenchmarks",
      swiftSettings: settings),
    .testTarget(name: "SystemIOTests", dependencies: ["SystemIO"], swiftSettings: settings),
    .testTarget(
      name: "GatewayWorkerTests",
      dependencies: ["GatewayWorker", "SluiceCommand", "HTTPCore", "WebSocketCore", "SystemIO"],
      swiftSettings: settings),
    .testTarget(
      name: "TLSTests", dependencies: ["TLS", "COpenSSL"], swiftSettings: settings),
  ]
)
