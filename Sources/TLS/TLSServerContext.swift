internal import COpenSSL

/// Makes the server sessions of one configuration. Does not change but for its
/// ticket keys. To reload certificates, make a new one and use it for new
/// sessions: those that there are keep what they need of the old one.
@safe package final class TLSServerContext {
  /// What it was made of.
  package let configuration: TLSConfiguration
  /// In the order of the configuration.
  package let summaries: [CertificateSummary]
  private let contexts: [Context]
  private let names: ServerNames
  private let ticketKeys: TicketKeys

  /// Reads the files. Servers that are to resume each other's sessions are given
  /// the same ticket keys.
  package init(
    _ configuration: TLSConfiguration, ticketKeys: [TicketKey] = [.random()]
  ) throws(TLSConfigurationError) {
    self.configuration = configuration
    if configuration.certificates.isEmpty {
      throw TLSConfigurationError(file: "", role: .certificate, problem: .noneConfigured)
    }
    let authorities = try ClientAuthorities(configuration.clientCertificates)
    var summaries: [CertificateSummary] = []
    var contexts: [Context] = []
    var names = ServerNames()
    for (index, files) in configuration.certificates.enumerated() {
      let certificate = try OwnCertificate(files)
      let context = Context(isServer: true, minimumVersion: configuration.minimumVersion)
      // SAFETY: the pointer is of the context's SSL_CTX.
      unsafe try certificate.install(in: context.pointer)
      unsafe try authorities.apply(to: context.pointer)
      context.selectHTTP()
      contexts.append(context)
      summaries.append(certificate.summary)
      names.add(certificate.summary.names, certificate: index)
    }
    self.summaries = summaries
    self.contexts = contexts
    self.names = names
    self.ticketKeys = TicketKeys(ticketKeys)
    for context in contexts { unsafe setCallbacks(of: context.pointer) }
  }

  /// A session for a connection that was accepted.
  package func makeSession(_ engine: TLSEngine) -> TLSSession {
    // SAFETY: an SSL_CTX, of which the session takes a reference.
    unsafe TLSSession(
      context: contexts[0].pointer, owner: self, engine: engine, isServer: true)
  }

  /// What clients will not like about the certificates.
  package func warnings(atUnixSeconds now: Int64) -> [CertificateWarning] {
    summaries.compactMap { $0.warning(atUnixSeconds: now) }
  }

  /// The first seals new tickets; the others still open older ones. OpenSSL takes
  /// tickets for two hours.
  package func setTicketKeys(_ keys: [TicketKey]) {
    ticketKeys.replace(by: keys)
  }
}

@available(*, unavailable)
extension TLSServerContext: Sendable {}

// MARK: - Callbacks of OpenSSL

extension TLSServerContext {
  private func setCallbacks(of context: OpaquePointer) {
    // SAFETY: this object outlives every session, which hold it, and with them
    // every call of these. OpenSSL's pointers are valid during the call.
    let this = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe SSL_CTX_set_ex_data(context, 0, this)
    // A client that reconnects gets another ticket.
    unsafe SSL_CTX_set_num_tickets(context, 1)
    unsafe sluice_context_set_server_name_callback(
      context,
      { ssl, _, argument in
        unsafe Unmanaged<TLSServerContext>.fromOpaque(argument!).takeUnretainedValue()
          .selectCertificate(for: ssl)
      }, this)
    unsafe SSL_CTX_set_tlsext_ticket_key_evp_cb(context) { ssl, name, vector, cipher, mac, seals in
      let this = unsafe SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0)
      return unsafe Unmanaged<TLSServerContext>.fromOpaque(this!).takeUnretainedValue()
        .ticketKeys.prepare(
          name: name!, initializationVector: vector!, cipher: cipher, mac: mac, seals: seals == 1)
    }
  }

  /// A name that is not known gets the default certificate, unacknowledged.
  private func selectCertificate(for ssl: OpaquePointer?) -> Int32 {
    // SAFETY: the name is the session's, and is copied.
    guard let name = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name),
      let index = names.certificate(for: unsafe String(cString: name))
    else {
      return SSL_TLSEXT_ERR_NOACK
    }
    unsafe SSL_set_SSL_CTX(ssl, contexts[index].pointer)
    return SSL_TLSEXT_ERR_OK
  }
}
