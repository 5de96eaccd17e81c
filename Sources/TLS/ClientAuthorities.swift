internal import COpenSSL

/// The certificates that clients' certificates must be issued by.
struct ClientAuthorities {
  private let mode: TLSConfiguration.ClientCertificates
  private let certificates: [Certificate]
  private let file: PEMFile?

  init(_ mode: TLSConfiguration.ClientCertificates) throws(TLSConfigurationError) {
    self.mode = mode
    if let path = mode.caFile {
      let file = try PEMFile(path, role: .authority)
      certificates = try file.certificates()
      self.file = file
    } else {
      file = nil
      certificates = []
    }
  }

  /// SAFETY: `context` is an SSL_CTX.
  func apply(to context: OpaquePointer) throws(TLSConfigurationError) {
    unsafe setSessionIdentifier(of: context)
    guard let file else { return }
    // SAFETY: the store is the context's; it and the list take references.
    let store = unsafe SSL_CTX_get_cert_store(context)
    for certificate in certificates {
      guard unsafe X509_STORE_add_cert(store, certificate.x509) == 1,
        unsafe sluice_context_add_authority(context, certificate.x509) == 1
      else {
        throw file.error(.unusable(OpenSSLError.takeFirst().text))
      }
    }
    var flags = SSL_VERIFY_PEER
    if case .required = mode { flags |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT }
    unsafe SSL_CTX_set_verify(context, flags, nil)
  }

  /// A session is resumed only where its client would be let in anew: where
  /// certificates are asked for in the same way, and the same authorities trusted.
  private func setSessionIdentifier(of context: OpaquePointer) {
    var seed = Array("sluice ".utf8)
    switch mode {
    case .ignored: seed += "ignored".utf8
    case .requested: seed += "requested".utf8
    case .required: seed += "required".utf8
    }
    for certificate in certificates {
      var digest = [UInt8](repeating: 0, count: 32)
      // SAFETY: SHA-256 writes 32 bytes.
      check(unsafe X509_digest(certificate.x509, EVP_sha256(), &digest, nil) == 1, "X509_digest")
      seed += digest
    }
    var identifier = [UInt8](repeating: 0, count: 32)
    // SAFETY: SHA-256 writes 32 bytes, the most that an identifier may have.
    check(
      unsafe EVP_Digest(seed, seed.count, &identifier, nil, EVP_sha256(), nil) == 1, "EVP_Digest")
    check(
      unsafe SSL_CTX_set_session_id_context(context, identifier, UInt32(identifier.count)) == 1,
      "SSL_CTX_set_session_id_context")
  }
}
