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
    // What Glibc's module map leaves out: epoll, accept4, eventfd, signalfd, ioctl.
    .target(name: "CLinux"),
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),

    // Pure cores: no I/O, no clock, no randomness of their own.
    .target(name: "HTTPCore", swiftSettings: settings),
    .target(name: "WebSocketCore", dependencies: ["HTTPCore"], swiftSettings: settings),
    .target(name: "Configuration", swiftSettings: settings),
    .target(name: "FleetCore", swiftSettings: settings),

    // Shells.
    .target(name: "SystemIO", dependencies: ["CLinux"], swiftSettings: settings),
    .target(name: "TLS", dependencies: ["COpenSSL"], swiftSettings: settings),
    .target(name: "Logs", dependencies: ["HTTPCore", "SystemIO"], swiftSettings: settings),
    .target(name: "Terminal", dependencies: ["CLinux", "SystemIO"], swiftSettings: settings),
    .target(
      name: "LoadGenerator", dependencies: ["SystemIO", "WebSocketClient", "WebSocketCore"],
      swiftSettings: settings),
    .target(
      name: "GatewayCoordinator",
      dependencies: ["AdminHTTP", "FleetCore", "HTTPCore", "SystemIO"], swiftSettings: settings),
    .target(
      name: "GatewayWorker",
      dependencies: ["FleetCore", "HTTPCore", "Logs", "WebSocketCore", "SystemIO", "TLS"],
      resources: [.embedInCode("Resources/chat.html")],
      swiftSettings: settings),
    .target(
      name: "WebSocketClient", dependencies: ["HTTPCore", "WebSocketCore", "SystemIO", "TLS"],
      swiftSettings: settings),
    .target(
      name: "AdminHTTP", dependencies: ["HTTPCore", "SystemIO"], swiftSettings: settings),
    .target(
      name: "InteractiveClient",
      dependencies: [
        "HTTPCore", "SystemIO", "TLS", "Terminal", "WebSocketClient", "WebSocketCore",
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "SluiceCommand",
      dependencies: [
        "AdminHTTP",
        "Configuration",
        "FleetCore",
        "GatewayCoordinator",
        "GatewayWorker",
        "HTTPCore",
        "InteractiveClient",
        "LoadGenerator",
        "Logs",
        "SystemIO",
        "TLS",
        "Terminal",
        "WebSocketClient",
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
    .executableTarget(
      name: "ConformanceClient",
      dependencies: ["SystemIO", "TLS", "WebSocketClient", "WebSocketCore"],
      path: "Tests/ConformanceClient", swiftSettings: settings),
    .testTarget(name: "SystemIOTests", dependencies: ["SystemIO"], swiftSettings: settings),
    .target(
      name: "FleetSimulation", dependencies: ["FleetCore"], path: "Tests/FleetSimulation",
      swiftSettings: settings),
    .executableTarget(
      name: "FleetSimulator", dependencies: ["FleetSimulation"], path: "Tests/FleetSimulator",
      swiftSettings: settings),
    .testTarget(
      name: "FleetCoreTests", dependencies: ["FleetCore", "FleetSimulation"],
      swiftSettings: settings),
    .testTarget(
      name: "LogsTests", dependencies: ["Logs", "SystemIO"], swiftSettings: settings),
    .testTarget(
      name: "LoadGeneratorTests", dependencies: ["LoadGenerator", "SystemIO"],
      swiftSettings: settings),
    .testTarget(
      name: "ConfigurationTests",
      dependencies: [
        "Configuration", "FleetCore", "GatewayWorker", "HTTPCore", "Logs", "SluiceCommand", "TLS",
        "WebSocketCore",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "GatewayWorkerTests",
      dependencies: ["GatewayWorker", "HTTPCore", "WebSocketCore", "SystemIO"],
      swiftSettings: settings),
    .target(
      name: "TestCertificates", dependencies: ["COpenSSL"], path: "Tests/TestCertificates",
      swiftSettings: settings),
    .testTarget(
      name: "TerminalTests", dependencies: ["Terminal", "SystemIO"], swiftSettings: settings),
    .testTarget(
      name: "TLSTests", dependencies: ["TLS", "TestCertificates", "COpenSSL"],
      swiftSettings: settings),
    .testTarget(
      name: "WebSocketClientTests",
      dependencies: [
        "WebSocketClient", "HTTPCore", "SystemIO", "TLS", "TestCertificates", "WebSocketCore",
      ],
      swiftSettings: settings),
  ]
)
