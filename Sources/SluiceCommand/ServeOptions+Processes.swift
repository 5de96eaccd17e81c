internal import Configuration
internal import SystemIO

extension ServeOptions {
  static let processes = OptionGroup(
    "Processes",
    [
      workers.description, adminSocket.description, adminListen.description,
    ])

  static let workers = ConfigOption(
    "workers", .count(1...256), default: 1, change: .restart,
    help: "How many worker processes share the connections.",
    details: """
      Workers don't share channels yet: a message reaches the subscribers on the same worker. \
      More than one is for `/echo`, and for trying it out. `sluice scale` changes the number \
      while the gateway runs.
      """)

  static let adminSocket = ConfigOption<String?>(
    "admin-socket", .file("/run/sluice/admin.sock"),
    unset: "`sluice-PORT.sock` in $XDG_RUNTIME_DIR, /run/sluice or the temporary directory",
    change: .restart,
    help: "The Unix socket for the commands: status, drain, restart, scale, reload.",
    details: """
      HTTP with JSON: `curl --unix-socket PATH http://localhost/status`. Mode 0600: only its \
      owner and root get in. The default's PORT is that of the first address.
      """)

  static let adminListen = ConfigOption<SocketAddress?>(
    "admin-listen", .adminAddress, unset: "nowhere", change: .restart,
    help: "Where /healthz, /readyz and /metrics are served too: 127.0.0.1:9090.",
    details: "GET only, and no commands. The Host must be an address or localhost.")
}

extension ValueType where Value == SocketAddress {
  fileprivate static var adminAddress: Self {
    .text(
      "address", range: "`IPV4:PORT`, `[IPV6]:PORT` or `localhost:PORT`",
      example: "127.0.0.1:9090",
      parse: { (text) throws(ValueProblem) in
        do throws(SocketAddressError) {
          return try SocketAddress(parsing: text)
        } catch {
          throw ValueProblem(
            "is not an address to listen on: \(error.problem)",
            remedy: "addresses are 127.0.0.1:9090 or [::1]:9090")
        }
      },
      describe: \.description)
  }
}
