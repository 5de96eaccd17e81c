internal import Configuration
internal import HTTPCore

extension ServeOptions {
  static let proxy = OptionGroup(
    "Behind a proxy",
    [trustedProxy.description, forwardedField.description, proxyProtocol.description])

  static let trustedProxy = ConfigOption(
    list: "trusted-proxy", .trustedProxy, unset: "none", change: .live,
    help: """
      A proxy that is believed when it tells the client's address (Forwarded, X-Forwarded-For, \
      PROXY protocol): an address, a network as 10.0.0.0/8, or unix for all peers on Unix sockets.
      """)

  static let forwardedField = ConfigOption(
    "forwarded-field", .choice("field", example: ForwardedField.xForwardedFor),
    default: .xForwardedFor, change: .live,
    help: """
      Where a trusted proxy tells it: x-forwarded-for, forwarded (RFC 7239), or either, where \
      nothing is believed when both are there and disagree.
      """,
    details: "The other field, which a proxy may pass on as the client sent it, is ignored.")

  static let proxyProtocol = ConfigOption(
    flag: "proxy-protocol", change: .live,
    help: """
      Connections of trusted proxies begin with a PROXY protocol header, version 1 or 2. Needs \
      trusted-proxy.
      """)

  enum ForwardedField: String, CaseIterable, Sendable {
    case xForwardedFor = "x-forwarded-for"
    case forwarded, either
  }

  enum TrustedProxy: Sendable, CustomStringConvertible {
    case unixPeers
    case network(IPNetwork)

    var description: String {
      switch self {
      case .unixPeers: "unix"
      case .network(let network): "\(network)"
      }
    }
  }
}

extension ValueType where Value == ServeOptions.TrustedProxy {
  fileprivate static var trustedProxy: Self {
    .text(
      "network", range: "an address, a network as `10.0.0.0/8` or `fd00::/8`, or `unix`",
      example: "10.0.0.0/8",
      parse: { (text) throws(ValueProblem) in
        if text == "unix" { return .unixPeers }
        do throws(IPNetworkError) {
          return .network(try IPNetwork(parsing: text))
        } catch {
          throw ValueProblem(
            "is not a network: \(error)",
            remedy: "networks are 10.1.2.3, 10.0.0.0/8, fd00::/8, or unix for Unix sockets")
        }
      },
      describe: \.description)
  }
}
