internal import Configuration

extension ServeOptions {
  static let tls = OptionGroup(
    "TLS",
    [
      tlsCertificate.description, tlsKey.description, tlsMinVersion.description,
      tlsClientCA.description, tlsRequireClientCertificate.description,
    ])

  /// To begin with TLS, or to end it, is for the listeners.
  private static let whileCertificatesAreSet = ChangeEffect.liveWhileSet("tls-certificate")

  static let tlsCertificate = ConfigOption(
    list: "tls-certificate", .file("/etc/sluice/tls/fullchain.pem"), unset: "no TLS",
    change: whileCertificatesAreSet,
    help: """
      PEM file with the server's certificate and its intermediates. With several, the server \
      name that a client asks for selects one; the first is for the others. Read again when it \
      changes, and on SIGHUP.
      """,
    details: "With it, TCP listeners speak TLS.")

  static let tlsKey = ConfigOption(
    list: "tls-key", .file("/etc/sluice/tls/privkey.pem"), unset: "the certificate's file",
    change: whileCertificatesAreSet,
    help: """
      PEM file with the key, not encrypted; one for each certificate, in the same order, or none \
      at all.
      """)

  static let tlsMinVersion = ConfigOption(
    "tls-min-version", .choice("version", example: TLSVersion.tls12), default: .tls12,
    change: whileCertificatesAreSet, help: "The oldest version that is spoken. The newest is 1.3.")

  static let tlsClientCA = ConfigOption<String?>(
    "tls-client-ca", .file("/etc/sluice/tls/clients.pem"), unset: "clients are not asked",
    change: whileCertificatesAreSet,
    help: """
      Ask clients for a certificate, which must be issued, directly or not, by a root in this PEM \
      file.
      """,
    details: "A client may also show none.")

  static let tlsRequireClientCertificate = ConfigOption(
    flag: "tls-require-client-certificate", change: whileCertificatesAreSet,
    help: "Turn away clients without a certificate. Needs tls-client-ca.")

  enum TLSVersion: String, CaseIterable, Sendable {
    case tls12 = "1.2"
    case tls13 = "1.3"
  }
}
