/// What a TLS server presents and accepts. A plain value; files are read when a
/// ``TLSServerContext`` is made of it.
package struct TLSConfiguration: Sendable, Equatable {
  /// The first is presented to clients that name no server, or one that no
  /// certificate is for. Among those with the same name the first counts.
  package var certificates: [CertificateFiles]
  /// What a client must speak at least.
  package var minimumVersion = Version.tls12
  /// Whether clients show who they are.
  package var clientCertificates = ClientCertificates.ignored

  /// TLS 1.2 or later, and no certificates of clients.
  package init(certificates: [CertificateFiles]) {
    self.certificates = certificates
  }

  /// Where a certificate and its key are.
  package struct CertificateFiles: Sendable, Equatable {
    /// PEM: the server's certificate, then its intermediates.
    package var chainFile: String
    /// PEM. May be the chain file, which then holds the key too.
    package var keyFile: String

    /// Without a `keyFile`, the key lies in the chain file.
    package init(chainFile: String, keyFile: String? = nil) {
      self.chainFile = chainFile
      self.keyFile = keyFile ?? chainFile
    }
  }

  /// Older ones are not offered.
  package enum Version: Sendable, Equatable {
    case tls12
    case tls13
  }

  /// Whether clients are asked for a certificate. One that is presented must be
  /// issued, directly or not, by a certificate of the PEM file.
  package enum ClientCertificates: Sendable, Equatable {
    case ignored
    case requested(caFile: String)
    case required(caFile: String)

    var caFile: String? {
      switch self {
      case .ignored: nil
      case .requested(let file), .required(let file): file
      }
    }
  }
}
