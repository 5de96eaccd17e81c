internal import ArgumentParser
internal import GatewayWorker
internal import HTTPCore

struct ProxyOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      A proxy that is believed when it tells the client's address (Forwarded, X-Forwarded-For, \
      PROXY protocol): an address, a network as 10.0.0.0/8, or unix for all peers on Unix \
      sockets. Repeatable.
      """, valueName: "network"))
  var trustedProxy: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      Where a trusted proxy tells it: x-forwarded-for, forwarded (RFC 7239), or either, where \
      nothing is believed when both are there and disagree.
      """, valueName: "field"))
  var forwardedField = ForwardedField.xForwardedFor

  enum ForwardedField: String, ExpressibleByArgument, CaseIterable {
    case xForwardedFor = "x-forwarded-for"
    case forwarded, either
  }

  @Flag(help: "Connections of trusted proxies begin with a PROXY protocol header, version 1 or 2.")
  var proxyProtocol = false

  func apply(to options: inout WorkerOptions) throws {
    for text in trustedProxy {
      if text == "unix" {
        options.trustsUnixPeers = true
        continue
      }
      do {
        options.trustedProxies.append(try IPNetwork(parsing: text))
      } catch {
        throw ValidationError("--trusted-proxy '\(text)': \(error).")
      }
    }
    if proxyProtocol && trustedProxy.isEmpty {
      throw ValidationError(
        "--proxy-protocol needs --trusted-proxy: the header is believed from nobody else.")
    }
    options.expectsProxyHeader = proxyProtocol
    options.forwardedFields =
      switch forwardedField {
      case .xForwardedFor: .xForwardedFor
      case .forwarded: .forwarded
      case .either: .either
      }
  }
}
