package import SystemIO

/// Where the admin socket of a gateway lies, unless it is told: named after the first
/// address that the gateway listens on, so that commands find it by the same.
package enum AdminSocketPath {
  /// The usual place for a gateway whose first listener has this address.
  package static func standard(
    for listener: SocketAddress, environment: [String: String]
  ) -> String {
    switch listener {
    case .ipv4(_, let port), .ipv6(_, let port):
      let directories = directories(environment)
      let directory = directories.first { Directory.isWritable($0) } ?? "/tmp"
      return "\(directory)/sluice-\(port).sock"
    case .unix(let path):
      return "\(path).admin"
    }
  }

  /// Admin sockets in all the usual places.
  package static func found(environment: [String: String]) -> [String] {
    directories(environment).flatMap { directory in
      Directory.names(in: directory)
        .filter { $0.hasPrefix("sluice-") && $0.hasSuffix(".sock") }
        .sorted().map { "\(directory)/\($0)" }
    }
  }

  private static func directories(_ environment: [String: String]) -> [String] {
    var directories: [String] = []
    for directory in [
      environment["XDG_RUNTIME_DIR"], "/run/sluice", environment["TMPDIR"], "/tmp",
    ] {
      if let directory, directory.hasPrefix("/"), !directories.contains(directory) {
        directories.append(directory)
      }
    }
    return directories
  }
}
