internal import COpenSSL

/// What a TLS client trusts and presents.
package struct TLSClientConfiguration: Sendable, Equatable {
  /// Whom to believe.
  package var trust = Trust.system
  /// What a server must speak at least.
  package var minimumVersion = TLSConfiguration.Version.tls12
  /// For servers that ask for one.
  package var certificate: TLSConfiguration.CertificateFiles? = nil
  /// What is offered, such as `http/1.1`; nil offers nothing.
  package var applicationProtocol: String? = nil

  /// Trusts what the system trusts, and presents nothing.
  package init() {}

  /// Whose certificates a server's certificate must be issued by.
  package enum Trust: Sendable, Equatable {
    /// Those of the system.
    case system
    /// Those of a PEM file.
    case file(String)
    /// Anybody's: nothing is checked, and whoever stands between can read and change
    /// everything. For tests.
    case anyone
  }
}

/// Makes client sessions. A server's certificate is checked, and so is the name in it,
/// unless anyone is trusted.
@safe package final class TLSClientContext {
  private let context: Context

  /// Reads the files.
  package init(_ configuration: TLSClientConfiguration) throws(TLSConfigurationError) {
    context = Context(isServer: false, minimumVersion: configuration.minimumVersion)
    // SAFETY: the SSL_CTX is alive; it takes references and copies.
    var verification = SSL_VERIFY_PEER
    switch configuration.trust {
    case .system:
      unsafe SSL_CTX_set_default_verify_paths(context.pointer)
    case .file(let path):
      let file = try PEMFile(path, role: .trusted)
      let store = unsafe SSL_CTX_get_cert_store(context.pointer)
      for authority in try file.certificates() {
        unsafe X509_STORE_add_cert(store, authority.x509)
      }
    case .anyone:
      verification = SSL_VERIFY_NONE
    }
    unsafe SSL_CTX_set_verify(context.pointer, verification, nil)
    if let files = configuration.certificate {
      unsafe try OwnCertificate(files).install(in: context.pointer)
    }
    if let name = configuration.applicationProtocol {
      precondition((1...255).contains(name.utf8.count))
      let offer = [UInt8(name.utf8.count)] + Array(name.utf8)
      unsafe SSL_CTX_set_alpn_protos(context.pointer, offer, UInt32(offer.count))
    }
    ERR_clear_error()
  }

  /// A session with the server of this host name or IP address, which its
  /// certificate must be for: 1 to 255 bytes, none of them 0. ``TLSSession/start()``
  /// begins it.
  package func makeSession(_ engine: TLSEngine, host: String) -> TLSSession {
    // To OpenSSL, an empty name would mean that any is right.
    precondition((1...255).contains(host.utf8.count) && !host.utf8.contains(0))
    // SAFETY: the session is alive; OpenSSL copies the name.
    let session = unsafe TLSSession(
      context: context.pointer, owner: self, engine: engine, isServer: false)
    let parameters = unsafe SSL_get0_param(session.ssl)
    if unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, host) != 1 {
      check(
        unsafe X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1, "X509_VERIFY_PARAM_set1_host")
      check(
        unsafe sluice_session_set_server_name(session.ssl, host) == 1, "SSL_set_tlsext_host_name")
    }
    ERR_clear_error()
    return session
  }
}

@available(*, unavailable)
extension TLSClientContext: Sendable {}
