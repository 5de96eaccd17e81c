internal import ArgumentParser
internal import HTTPCore
internal import SystemIO
internal import TLS
internal import WebSocketClient
internal import WebSocketCore

/// How a client asks a server for a WebSocket.
struct HandshakeOptions: ParsableArguments {
  @Option(
    name: [.customShort("H"), .long],
    help: ArgumentHelp("A header field of the request. Repeatable.", valueName: "name: value"))
  var header: [String] = []

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "A subprotocol to offer, the preferred one first. Repeatable.", valueName: "name"))
  var subprotocol: [String] = []

  @Option(help: ArgumentHelp("A cookie. Repeatable.", valueName: "name=value"))
  var cookie: [String] = []

  @Option(
    name: [.short, .long],
    help: ArgumentHelp("The origin, as a browser would send it.", valueName: "origin"))
  var origin: String?

  @Option(
    help: ArgumentHelp(
      "13 is RFC 6455; 8 is what drafts 8 to 12 of it call themselves.", valueName: "8|13"))
  var protocolVersion = WebSocketVersion.rfc6455

  @Option(
    help: ArgumentHelp(
      """
      PEM file with the certificates to trust. Default: those that the system trusts.
      """, valueName: "file"))
  var ca: String?

  @Flag(help: "Accept any certificate. Whoever stands between can then read everything.")
  var insecure = false

  @Option(
    help: ArgumentHelp(
      "PEM file with a certificate to present, and its key unless --key is given.",
      valueName: "file"))
  var certificate: String?

  @Option(help: ArgumentHelp("PEM file with the key of --certificate.", valueName: "file"))
  var key: String?

  /// Finds the mistakes for which no file has to be read. Throws ``ValidationError``.
  func check(_ url: WebSocketURL) throws {
    _ = try tls()
    do {
      _ = try ClientHandshake.request(try request(url))
    } catch let error as ClientHandshakeError {
      throw ValidationError("\(option(of: error)): \(error).")
    }
  }

  /// Of options that were checked. What is wrong with a file is printed, and ends the command.
  func target(_ url: WebSocketURL) throws -> ClientTarget {
    do {
      return try ClientTarget(
        url, request: try request(url), tls: url.usesTLS ? TLSClientContext(tls()) : nil)
    } catch let error as TLSConfigurationError {
      printError("\(error)")
      throw ExitCode.validationFailure
    }
  }

  private func request(_ url: WebSocketURL) throws -> ClientUpgradeRequest {
    var request = ClientUpgradeRequest(
      host: url.authority, target: url.target, key: "AAAAAAAAAAAAAAAAAAAAAA==")
    request.version = protocolVersion
    request.origin = origin
    request.subprotocols = subprotocol
    request.cookies = try cookie.map { text in
      guard let equals = text.firstIndex(of: "=") else {
        throw ValidationError("--cookie '\(text)': a cookie is NAME=VALUE.")
      }
      return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
    for text in header {
      guard let colon = text.firstIndex(of: ":") else {
        throw ValidationError("--header '\(text)': a field is 'NAME: VALUE'.")
      }
      let value = text[text.index(after: colon)...].drop { $0 == " " }
      do {
        try request.headers.append(validating: String(text[..<colon]), String(value))
      } catch {
        throw ValidationError("--header '\(text)': \(error.reason).")
      }
    }
    if let authorization = url.basicAuthorization {
      if request.headers.contains("Authorization") {
        throw ValidationError("Give a user in the URL or --header Authorization, not both.")
      }
      request.headers.append("Authorization", authorization)
    }
    return request
  }

  private func tls() throws -> TLSClientConfiguration {
    var configuration = TLSClientConfiguration()
    if insecure {
      if ca != nil { throw ValidationError("--insecure trusts anyone: leave out --ca.") }
      configuration.trust = .anyone
    } else if let ca {
      configuration.trust = .file(ca)
    }
    if let certificate {
      configuration.certificate = TLSConfiguration.CertificateFiles(
        chainFile: certificate, keyFile: key)
    } else if key != nil {
      throw ValidationError("--key needs --certificate FILE.")
    }
    return configuration
  }

  /// What has brought the mistake.
  private func option(of error: ClientHandshakeError) -> String {
    switch error {
    case .invalidSubprotocol: "--subprotocol"
    case .invalidCookie: "--cookie"
    case .invalidOrigin: "--origin"
    case .reservedField: "--header"
    default: "URL"
    }
  }
}

extension WebSocketVersion: ExpressibleByArgument {
  package init?(argument: String) {
    guard let number = UInt8(argument) else { return nil }
    self.init(rawValue: number)
  }

  package var defaultValueDescription: String { "\(rawValue)" }
}
