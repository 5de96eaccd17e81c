internal import ArgumentParser
internal import TLS

struct TLSOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      PEM file with the server's certificate and its intermediates. Repeatable: the server name \
      that a client asks for selects one, the first is the default. Read again when it changes, \
      and on SIGHUP.
      """, valueName: "file"))
  var tlsCertificate: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      PEM file with the key, one for each certificate in the same order. Default: the key lies in \
      the certificate's file.
      """, valueName: "file"))
  var tlsKey: [String] = []

  @Option(
    help: ArgumentHelp("The oldest version that is spoken: 1.2 or 1.3.", valueName: "version"))
  var tlsMinVersion = Version.tls12

  @Option(
    help: ArgumentHelp(
      """
      Ask clients for a certificate, which must be issued, directly or not, by a root in this PEM \
      file.
      """, valueName: "file"))
  var tlsClientCa: String?

  @Flag(help: "Turn away clients without a certificate.")
  var tlsRequireClientCertificate = false

  enum Version: String, ExpressibleByArgument, CaseIterable {
    case tls12 = "1.2"
    case tls13 = "1.3"
  }

  var isConfigured: Bool { !tlsCertificate.isEmpty }

  /// Nil without a certificate.
  func configuration() throws -> TLSConfiguration? {
    if tlsCertificate.isEmpty {
      if tlsKey.isEmpty && tlsClientCa == nil && !tlsRequireClientCertificate { return nil }
      throw ValidationError("TLS needs --tls-certificate FILE.")
    }
    guard tlsKey.isEmpty || tlsKey.count == tlsCertificate.count else {
      throw ValidationError(
        "\(tlsCertificate.count) --tls-certificate, but \(tlsKey.count) --tls-key: give one key "
          + "for each certificate, or none when the keys lie with them.")
    }
    var configuration = TLSConfiguration(
      certificates: tlsCertificate.indices.map { index in
        TLSConfiguration.CertificateFiles(
          chainFile: tlsCertificate[index], keyFile: tlsKey.isEmpty ? nil : tlsKey[index])
      })
    configuration.minimumVersion = tlsMinVersion == .tls12 ? .tls12 : .tls13
    if let tlsClientCa {
      configuration.clientCertificates =
        tlsRequireClientCertificate
        ? .required(caFile: tlsClientCa) : .requested(caFile: tlsClientCa)
    } else if tlsRequireClientCertificate {
      throw ValidationError("--tls-require-client-certificate needs --tls-client-ca FILE.")
    }
    return configuration
  }
}
