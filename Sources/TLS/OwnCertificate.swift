internal import COpenSSL

/// A certificate that is presented to peers: its files, read and checked.
struct OwnCertificate {
  private let file: PEMFile
  private let chain: [Certificate]
  private let key: PrivateKey

  init(_ files: TLSConfiguration.CertificateFiles) throws(TLSConfigurationError) {
    file = try PEMFile(files.chainFile, role: .certificate)
    chain = try file.certificates()
    key = try PEMFile(files.keyFile, role: .key).privateKey()
    try checkKey(file: files.keyFile)
  }

  var summary: CertificateSummary {
    let leaf = chain[0]
    return CertificateSummary(
      file: file.path, subject: leaf.subject, names: leaf.names,
      notBefore: leaf.notBefore ?? .min, notAfter: leaf.notAfter ?? .max)
  }

  /// Makes it the one of an SSL_CTX.
  func install(in context: OpaquePointer) throws(TLSConfigurationError) {
    ERR_clear_error()
    // SAFETY: these add references of their own.
    try accept(unsafe SSL_CTX_use_certificate(context, chain[0].x509))
    try accept(unsafe SSL_CTX_use_PrivateKey(context, key.key))
    for intermediate in chain.dropFirst() {
      try accept(unsafe sluice_context_add_chain(context, intermediate.x509))
    }
  }

  private func accept(_ result: Int32) throws(TLSConfigurationError) {
    if result == 1 { return }
    let error = OpenSSLError.takeCause()
    throw file.error(error.isWeakness ? .tooWeak(error.text) : .unusable(error.text))
  }

  private func checkKey(file keyFile: String) throws(TLSConfigurationError) {
    defer { ERR_clear_error() }
    // SAFETY: both objects live during the call.
    if unsafe X509_check_private_key(chain[0].x509, key.key) == 1 { return }
    if chain.contains(where: { unsafe X509_check_private_key($0.x509, key.key) == 1 }) {
      throw file.error(.leafNotFirst)
    }
    throw TLSConfigurationError(
      file: keyFile, role: .key, problem: .keyMismatch(certificateFile: file.path))
  }
}
