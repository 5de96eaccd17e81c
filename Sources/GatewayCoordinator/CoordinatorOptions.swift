package import FleetCore
package import SystemIO

/// What a coordinator is told at its start.
package struct CoordinatorOptions: Sendable {
  /// Where the gateway listens, in the order of its configuration.
  package var addresses: [SocketAddress]
  package var workers: Int
  package var policy = FleetPolicy()
  /// The Unix socket for commands.
  package var adminSocket: String
  /// Where probes and scrapers may ask too; no commands there.
  package var adminAddress: SocketAddress?
  package var version: String

  package init(addresses: [SocketAddress], workers: Int, adminSocket: String, version: String) {
    self.addresses = addresses
    self.workers = workers
    self.adminSocket = adminSocket
    self.version = version
  }
}

/// The configuration as the workers get it, and where it comes from.
package struct WorkerConfiguration: Sendable {
  /// TOML, in the gateway's own option table. Secrets are in it.
  package var toml: [UInt8]

  package init(toml: [UInt8]) {
    self.toml = toml
  }
}

/// What has come of reading the configuration again.
package enum Reloaded: Sendable {
  /// For the workers; with the names of the options that have changed, and of those that
  /// wait for a restart.
  case configuration(WorkerConfiguration, changed: [String], waiting: [String])
  /// It can't be used, for these reasons. Nothing changes.
  case refused([String])
}
