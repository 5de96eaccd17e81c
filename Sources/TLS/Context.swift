internal import COpenSSL

/// An SSL_CTX, with what servers and clients have in common.
@safe final class Context {
  let pointer: OpaquePointer

  init(isServer: Bool, minimumVersion: TLSConfiguration.Version) {
    // SAFETY: the methods are static.
    let pointer = unsafe SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method())
    unsafe check(pointer != nil, "SSL_CTX_new")
    unsafe self.pointer = pointer!
    setProtocol(minimumVersion)
    setCiphers()
    countMessages()
  }

  deinit {
    // SAFETY: sessions hold references of their own.
    unsafe SSL_CTX_free(pointer)
  }
}

extension Context {
  private func setProtocol(_ minimumVersion: TLSConfiguration.Version) {
    // SAFETY: plain settings of this SSL_CTX.
    unsafe SSL_CTX_set_options(pointer, sluice_context_options)
    unsafe sluice_context_set_modes(pointer)
    // The same on every system: 112 bits, as RSA with 2048 has.
    unsafe SSL_CTX_set_security_level(pointer, max(2, SSL_CTX_get_security_level(pointer)))
    let version = minimumVersion == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION
    check(
      unsafe sluice_context_set_minimum_version(pointer, version) == 1,
      "SSL_CTX_set_min_proto_version")
    // Sessions are resumed by tickets alone.
    unsafe sluice_context_set_session_cache_off(pointer)
    unsafe SSL_CTX_set_max_early_data(pointer, 0)
    unsafe sluice_context_set_certificate_list_limit(pointer, TLSLimits.certificateListBytesMax)
  }

  /// AES-128 is as good as 256 here, and cheaper; ChaCha20 goes first for clients
  /// that put it first, having no AES in hardware.
  private func setCiphers() {
    // SAFETY: OpenSSL copies what it makes of the strings.
    check(
      unsafe SSL_CTX_set_cipher_list(
        pointer, "ECDHE+AESGCM+AES128:ECDHE+CHACHA20:ECDHE+AESGCM:!aNULL") == 1,
      "SSL_CTX_set_cipher_list")
    check(
      unsafe SSL_CTX_set_ciphersuites(
        pointer, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384") == 1,
      "SSL_CTX_set_ciphersuites")
    // The groups that clients use; finite fields only burn the server's time. The
    // hybrid one is there from OpenSSL 3.5 on.
    let groups = "X25519:P-256:P-384"
    if unsafe sluice_context_set_groups(pointer, "X25519MLKEM768:\(groups)") != 1 {
      check(unsafe sluice_context_set_groups(pointer, groups) == 1, "SSL_CTX_set1_groups_list")
    }
    ERR_clear_error()
  }

  private func countMessages() {
    // SAFETY: the argument is the session's engine, which the session holds.
    unsafe SSL_CTX_set_msg_callback(pointer) { isSent, _, type, _, _, _, argument in
      if isSent == 0 && type == SSL3_RT_HANDSHAKE, let argument = unsafe argument {
        unsafe Unmanaged<TLSEngine>.fromOpaque(argument).takeUnretainedValue().countMessage()
      }
    }
  }
}

// MARK: - Application protocols

extension Context {
  /// For servers: of the protocols that a client offers, `http/1.1` is taken. A
  /// client that offers only others is refused (RFC 7301 §3.2).
  func selectHTTP() {
    // SAFETY: the offer is a sequence of (length, name), as OpenSSL has checked,
    // and lives until the selection has been copied.
    unsafe SSL_CTX_set_alpn_select_cb(
      pointer,
      { _, selected, selectedCount, offer, offerCount, _ in
        let offer = unsafe UnsafeBufferPointer(start: offer, count: Int(offerCount))
        guard let name = unsafe findHTTP(in: offer) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        unsafe selected!.pointee = name.baseAddress
        unsafe selectedCount!.pointee = UInt8(name.count)
        return SSL_TLSEXT_ERR_OK
      }, nil)
  }
}

private func findHTTP(in offer: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
  var position = 0
  while position < offer.count {
    let start = position + 1
    // SAFETY: every position is checked against the offer's end.
    let end = start + Int(unsafe offer[position])
    if end > offer.count { return nil }
    let name = unsafe UnsafeBufferPointer(rebasing: offer[start..<end])
    if unsafe name.elementsEqual("http/1.1".utf8) { return unsafe name }
    position = end
  }
  return nil
}
