internal import Configuration
internal import GatewayWorker
internal import HTTPCore
internal import SystemIO

/// Every option of `sluice serve`, declared once: flags, variables, keys of the file, help,
/// reference and messages come from here. ``ServeConfiguration`` makes of them what a worker is
/// told.
///
/// `help` is for `--help` and the reference, `details` for the reference alone.
enum ServeOptions {
  static let table = OptionTable(
    command: "sluice serve", variablePrefix: "SLUICE_",
    groups: [
      listening, processes, tls, proxy, pages, limits, deadlines, logging, configuration,
    ],
    fileOption: config)
}

// MARK: - Listening

extension ServeOptions {
  static let listening = OptionGroup("Listening", [listen.description, eventLoop.description])

  static let listen = ConfigOption(
    list: "listen", .listenAddress, default: [ListenAddress.standard], unset: "", change: .restart,
    help: """
      Where to accept connections: 127.0.0.1:8080, [::1]:8080 or unix:PATH. Port 0 takes a free \
      one. With a certificate TCP listeners speak TLS, unless the address begins with plain:.
      """,
    details: """
      All addresses lead to the same channels. If one cannot be opened, none is served: status 1.
      """)

  static let eventLoop = ConfigOption(
    "event-loop", .choice("backend", example: EventLoopChoice.auto), default: .auto,
    change: .restart, help: "How the kernel is asked.", details: "Both are epoll today.")
}

/// An address to listen on; with `plain:` in front, TLS is not spoken there.
struct ListenAddress: Sendable, CustomStringConvertible {
  let address: SocketAddress
  let isPlain: Bool

  static let standard = ListenAddress(
    address: .ipv4(0x7F00_0001, port: 8080), isPlain: false)

  var description: String { (isPlain ? "plain:" : "") + "\(address)" }
}

extension ValueType where Value == ListenAddress {
  fileprivate static var listenAddress: Self {
    .text(
      "address",
      range:
        "`IPV4:PORT`, `[IPV6]:PORT`, `localhost:PORT`, `unix:PATH`, or `plain:` and one of these",
      example: "127.0.0.1:8080",
      parse: { (text) throws(ValueProblem) in
        let isPlain = text.hasPrefix("plain:")
        do throws(SocketAddressError) {
          let address = try SocketAddress(
            parsing: isPlain ? String(text.dropFirst("plain:".count)) : text)
          return ListenAddress(address: address, isPlain: isPlain)
        } catch {
          throw ValueProblem(
            "is not an address to listen on: \(error.problem)",
            remedy: "addresses are 127.0.0.1:8080, [::1]:8080 or unix:PATH")
        }
      },
      describe: \.description)
  }
}

// MARK: - Pages and programs

extension ServeOptions {
  static let pages = OptionGroup(
    "Pages and programs", [origin.description, subprotocol.description])

  static let origin = ConfigOption(
    list: "origin", .origin, unset: "pages from the host that they connect to", change: .live,
    help: """
      A web origin whose pages may connect, as https://chat.example.org; * for all. Programs, \
      which send no Origin, may always.
      """,
    details: "Others get 403.")

  static let subprotocol = ConfigOption(
    list: "subprotocol", .subprotocol, unset: "none", change: .live,
    help: "A subprotocol that is accepted when a client offers it.",
    details: """
      The client's order decides between several; case counts. Without one in common, the \
      connection is accepted without a subprotocol.
      """)
}

extension ValueType where Value == String {
  fileprivate static var origin: Self {
    .text(
      "origin", range: "`scheme://host[:port]` or `*`", example: "https://chat.example.org",
      parse: { (text) throws(ValueProblem) in
        guard text == "*" || Origin(text) != nil else {
          throw ValueProblem(
            "is not an origin",
            remedy: "origins are scheme, host and port, as in https://chat.example.org or "
              + "http://localhost:3000, or * for all")
        }
        return text
      },
      describe: { $0 })
  }

  fileprivate static var subprotocol: Self {
    .text(
      "name", range: "a token (RFC 9110)", example: "chat.v1",
      parse: { (text) throws(ValueProblem) in
        guard Array(text.utf8).isToken else {
          throw ValueProblem(
            "is not a subprotocol's name",
            remedy: "names are letters, digits and !#$%&'*+-.^_`|~ (RFC 6455, 4.1)")
        }
        return text
      },
      describe: { $0 })
  }
}

// MARK: - The configuration itself

extension ServeOptions {
  static let configuration = OptionGroup("Configuration", [config.description])

  static let config = ConfigOption<String?>(
    "config", .file("/etc/sluice/sluice.toml"), unset: "none", change: .restart,
    help: "A TOML file with options. Flags and environment variables go before it.",
    sources: [.flags, .environment])
}
