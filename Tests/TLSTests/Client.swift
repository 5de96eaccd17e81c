import COpenSSL
import TestCertificates

/// OpenSSL's own client, over memory.
@safe final class Client {
  struct Options {
    var minimumVersion = TLS1_2_VERSION
    var maximumVersion = TLS1_3_VERSION
    var protocols: [String] = []
    var serverName: String? = nil
    var identity: Identity? = nil
    var session: ClientSession? = nil
    var ciphers: String? = nil
    /// Whose SSL_CTX to use, where making one would take too long.
    var like: Client? = nil
  }

  let ssl: OpaquePointer
  private let context: OpaquePointer
  private let fromServer: OpaquePointer
  private let toServer: OpaquePointer
  /// What the server has said to it.
  private(set) var received: [UInt8] = []

  init(_ options: Options = Options()) {
    if let other = options.like {
      unsafe context = other.context
      unsafe SSL_CTX_up_ref(context)
    } else {
      unsafe context = SSL_CTX_new(TLS_client_method())
    }
    unsafe Client.setVersions(of: context, options.minimumVersion, options.maximumVersion)
    if let ciphers = options.ciphers { unsafe _ = SSL_CTX_set_cipher_list(context, ciphers) }
    // For the old versions that tests ask for.
    if options.maximumVersion < TLS1_2_VERSION { unsafe SSL_CTX_set_security_level(context, 0) }
    unsafe ssl = SSL_new(context)
    unsafe fromServer = BIO_new(BIO_s_mem())
    unsafe toServer = BIO_new(BIO_s_mem())
    unsafe SSL_set_bio(ssl, fromServer, toServer)
    unsafe SSL_set_connect_state(ssl)
    if !options.protocols.isEmpty {
      let offer = options.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
      unsafe SSL_set_alpn_protos(ssl, offer, UInt32(offer.count))
    }
    if let name = options.serverName { unsafe _ = sluice_session_set_server_name(ssl, name) }
    if let identity = options.identity {
      unsafe SSL_use_certificate(ssl, identity.x509)
      unsafe SSL_use_PrivateKey(ssl, identity.key)
    }
    if let session = options.session { unsafe SSL_set_session(ssl, session.pointer) }
    proceed()
  }

  deinit {
    // Its session would not be resumable.
    unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    unsafe SSL_free(ssl)
    unsafe SSL_CTX_free(context)
  }

  /// Goes on with the handshake, then reads.
  func proceed() {
    ERR_clear_error()
    if unsafe SSL_is_init_finished(ssl) == 0 { unsafe _ = SSL_do_handshake(ssl) }
    var block = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = unsafe SSL_read(ssl, &block, Int32(block.count))
      if count <= 0 { break }
      received += block[..<Int(count)]
    }
    error = OpenSSLText.take() ?? error
  }

  private(set) var error: String? = nil

  func receive(_ bytes: [UInt8]) {
    if bytes.isEmpty { return }
    unsafe BIO_write(fromServer, bytes, Int32(bytes.count))
    proceed()
  }

  func takeOutput() -> [UInt8] { unsafe drain(toServer) }
  func takeReceived() -> [UInt8] {
    defer { received = [] }
    return received
  }

  func write(_ bytes: [UInt8]) {
    var written = 0
    precondition(unsafe SSL_write_ex(ssl, bytes, bytes.count, &written) == 1)
  }

  func shutdown() { unsafe _ = SSL_shutdown(ssl) }
  func updateKey(asksForPeers: Bool = false) {
    let type = asksForPeers ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED
    precondition(unsafe SSL_key_update(ssl, type) == 1)
    unsafe _ = SSL_do_handshake(ssl)
  }
  func renegotiate() {
    unsafe _ = SSL_renegotiate(ssl)
    unsafe _ = SSL_do_handshake(ssl)
    ERR_clear_error()
  }

  var isHandshakeComplete: Bool { unsafe SSL_is_init_finished(ssl) == 1 }
  var isClosedByServer: Bool { unsafe SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0 }
  var wasResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }
  var session: ClientSession { unsafe ClientSession(owning: SSL_get1_session(ssl)!) }

  var serverCommonName: String {
    let subject = unsafe X509_get_subject_name(SSL_get0_peer_certificate(ssl))
    var text = [CChar](repeating: 0, count: 128)
    unsafe X509_NAME_get_text_by_NID(subject, NID_commonName, &text, 128)
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  private static func setVersions(of context: OpaquePointer, _ low: Int32, _ high: Int32) {
    unsafe _ = sluice_context_set_minimum_version(context, low)
    unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(high), nil)
  }
}

/// What a client resumes.
@safe final class ClientSession {
  let pointer: OpaquePointer
  init(owning pointer: OpaquePointer) { unsafe self.pointer = pointer }
  deinit { unsafe SSL_SESSION_free(pointer) }
  var isResumable: Bool { unsafe SSL_SESSION_is_resumable(pointer) == 1 }
}

enum OpenSSLText {
  /// The oldest error's words.
  static func take() -> String? {
    let code = ERR_peek_error()
    ERR_clear_error()
    return unsafe code == 0 ? nil : ERR_reason_error_string(code).map { unsafe String(cString: $0) }
  }
}
