internal import COpenSSL

/// What ``TLSSession/read(_:from:into:)`` has come to.
package enum TLSReadOutcome: Equatable {
  /// All ciphertext has been taken. The plaintext may have grown or not.
  case needsInput
  /// The plaintext is full, and there may be more.
  case outputFull
  /// The peer will send no more (close_notify). What followed it is dropped.
  case closed
}

/// One TLS connection: ciphertext and plaintext in, plaintext and ciphertext out.
/// What is to be sent to the peer gathers in the engine, and is to be taken
/// (``TLSEngine/moveOutput(into:)``) after every call of a mutating method, whether
/// it throws or not.
///
/// After an error nothing works any more: send the output and close.
@safe package struct TLSSession: ~Copyable {
  /// This value's own until `deinit`, and never null: what makes its use safe.
  let ssl: OpaquePointer
  private let engine: TLSEngine
  /// What the callbacks of its SSL_CTX refer to.
  private let owner: AnyObject
  private var state = State.fresh
  private var handshakeMessages: UInt8 = 0
  /// Received before the handshake is complete; afterwards, application data both
  /// ways since `handshakeMessages` was 0.
  private var byteCount: UInt32 = 0

  private enum State: UInt8 {
    /// Nothing has been received.
    case fresh
    case handshaking
    case established
    case failed
  }

  /// A session of this SSL_CTX, which `owner` keeps alive.
  @unsafe init(context: OpaquePointer, owner: AnyObject, engine: TLSEngine, isServer: Bool) {
    // SAFETY: the caller vouches for the context. SSL_set_bio takes over one
    // reference; the engine keeps its own, and lives as long as this value.
    let session = unsafe SSL_new(context)
    unsafe check(session != nil, "SSL_new")
    unsafe ssl = session!
    self.engine = engine
    self.owner = owner
    unsafe BIO_up_ref(engine.bio)
    unsafe SSL_set_bio(ssl, engine.bio, engine.bio)
    unsafe sluice_session_set_message_argument(ssl, Unmanaged.passUnretained(engine).toOpaque())
    if isServer { unsafe SSL_set_accept_state(ssl) } else { unsafe SSL_set_connect_state(ssl) }
  }

  deinit {
    engine.discardOutput(of: identity)
    // SAFETY: this value is the only owner; the engine with the BIO still lives.
    unsafe SSL_free(ssl)
  }
}

// MARK: - Input

extension TLSSession {
  /// The room with which ``read(_:from:into:)`` takes all of an input at once, if
  /// every input is read with it.
  package static func plaintextBytesMax(ciphertextBytes: Int) -> Int {
    ciphertextBytes + TLSLimits.recordBytesMax
  }

  /// Takes ciphertext from `position` on, which it moves, and appends what it
  /// decrypts to `plaintext`, which must have room. When it throws, `plaintext`
  /// holds what came in order before the error.
  ///
  /// `ciphertext` is not kept: what is not taken is the caller's to present again.
  package mutating func read(
    _ ciphertext: Span<UInt8>, from position: inout Int, into plaintext: inout OutputSpan<UInt8>
  ) throws(TLSError) -> TLSReadOutcome {
    precondition(!plaintext.isFull)
    if state == .failed { throw .notEstablished }
    let input = ciphertext.extracting(position..<ciphertext.count)
    if state == .fresh && !input.isEmpty {
      try recognise(input[0])
      state = .handshaking
    }
    engine.beginOutput(of: identity)
    // SAFETY: the span is borrowed for this whole call, and so is what it covers.
    unsafe input.withUnsafeBufferPointer { unsafe engine.lend($0) }
    defer { position = ciphertext.count - engine.withdrawInput() }
    do throws(TLSError) {
      return try readRecords(into: &plaintext)
    } catch {
      state = .failed
      throw error
    }
  }

  /// A record of a handshake begins with 22; OpenSSL refuses all others. A client may get
  /// an alert first, a server plain HTTP.
  private mutating func recognise(_ first: UInt8) throws(TLSError) {
    // SAFETY: the session is alive.
    let isServer = unsafe SSL_is_server(ssl) == 1
    if isServer && first >= UInt8(ascii: "A") && first <= UInt8(ascii: "Z") {
      state = .failed
      throw .plainHTTP
    }
    if !isServer && first != Self.handshakeRecord && first != Self.alertRecord {
      state = .failed
      throw .notTLS
    }
  }

  /// Content types of records (RFC 8446 §5.1).
  private static let handshakeRecord: UInt8 = 22
  private static let alertRecord: UInt8 = 21

  private mutating func readRecords(
    into plaintext: inout OutputSpan<UInt8>
  ) throws(TLSError) -> TLSReadOutcome {
    var stalls = 0
    while true {
      let before = engine.inputLeft
      let messages = engine.handshakeMessages
      let (count, result) = readOnce(into: &plaintext)
      if state == .established {
        try countMessages(engine.handshakeMessages - messages, bytes: count)
      } else {
        try countHandshake(bytes: before - engine.inputLeft)
      }
      if count > 0 {
        if plaintext.isFull { return .outputFull }
        if engine.inputLeft == 0 && pendingBytes == 0 { return .needsInput }
        continue
      }
      switch result {
      case SSL_ERROR_WANT_READ:
        if engine.inputLeft == 0 { return .needsInput }
        // It returns after each record that holds no data, and between the steps
        // of answering one.
        stalls = engine.inputLeft == before ? stalls + 1 : 0
        if stalls > 4 { throw .record("no progress") }
      case SSL_ERROR_ZERO_RETURN:
        _ = engine.withdrawInput()
        return .closed
      default:
        throw failure()
      }
    }
  }

  private func readOnce(into plaintext: inout OutputSpan<UInt8>) -> (count: Int, result: Int32) {
    ERR_clear_error()
    // SAFETY: OpenSSL writes at most the room that is there, and says how much.
    return unsafe plaintext.withUnsafeMutableBufferPointer { buffer, initializedCount in
      var count = 0
      let result = unsafe SSL_read_ex(
        ssl, buffer.baseAddress! + initializedCount, buffer.count - initializedCount, &count)
      if result == 1 {
        initializedCount += count
        return (count, SSL_ERROR_NONE)
      }
      return (0, unsafe SSL_get_error(ssl, result))
    }
  }

  private mutating func countHandshake(bytes: Int) throws(TLSError) {
    byteCount += UInt32(clamping: bytes)
    // SAFETY: the session is alive.
    if unsafe SSL_is_init_finished(ssl) == 1 {
      state = .established
      byteCount = 0
    } else if byteCount > TLSLimits.handshakeBytesMax {
      throw .handshakeTooLarge
    }
  }

  private mutating func countMessages(_ messages: UInt64, bytes: Int) throws(TLSError) {
    count(applicationBytes: bytes)
    if messages == 0 { return }
    let total = UInt64(handshakeMessages) + messages
    if total > TLSLimits.handshakeMessagesMax {
      shutdown()
      throw .tooManyHandshakeMessages
    }
    handshakeMessages = UInt8(total)
  }

  private mutating func count(applicationBytes: Int) {
    if handshakeMessages == 0 { return }
    byteCount &+= UInt32(truncatingIfNeeded: applicationBytes)
    if byteCount >= TLSLimits.handshakeMessagesPerBytes {
      byteCount = 0
      handshakeMessages = 0
    }
  }

  private func failure() -> TLSError {
    let error = OpenSSLError.takeCause()
    if let code = error.peerAlert {
      return .peerAlert(code: code, Self.alertName(code))
    }
    if state == .established { return .record(error.text) }
    if error.is(SSL_R_CERTIFICATE_VERIFY_FAILED) {
      // SAFETY: a static string of OpenSSL's.
      return .peerCertificate(
        unsafe String(cString: X509_verify_cert_error_string(SSL_get_verify_result(ssl))))
    }
    if error.is(SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
      return .peerCertificate("none was sent")
    }
    if error.is(SSL_R_NO_APPLICATION_PROTOCOL) { return .noApplicationProtocol }
    if error.is(SSL_R_HTTP_REQUEST) || error.is(SSL_R_HTTPS_PROXY_REQUEST) { return .notTLS }
    if error.is(SSL_R_WRONG_VERSION_NUMBER) && byteCount <= 16 { return .notTLS }
    return .handshake(error.text)
  }
}

extension TLSSession {
  /// As in RFC 8446 §6, in words.
  private static func alertName(_ code: UInt8) -> String {
    switch code {
    // OpenSSL has no words for these.
    case 109: "missing extension"
    case 116: "certificate required"
    // SAFETY: a static string of OpenSSL's.
    default: unsafe String(cString: SSL_alert_desc_string_long(Int32(code)))
    }
  }
}

// MARK: - Output

extension TLSSession {
  /// Begins the handshake of a client. A server's begins with what it receives.
  package mutating func start() {
    engine.beginOutput(of: identity)
    ERR_clear_error()
    // SAFETY: the session is alive; the engine takes what it writes.
    unsafe SSL_do_handshake(ssl)
    ERR_clear_error()
  }

  /// Encrypts all of `plaintext` into the output.
  package mutating func write(_ plaintext: Span<UInt8>) throws(TLSError) {
    if state != .established || hasShutDown { throw .notEstablished }
    if plaintext.isEmpty { return }
    engine.beginOutput(of: identity)
    let records = plaintext.count / TLSLimits.recordBytesMax + 1
    engine.reserveOutput(plaintext.count + records * 64)
    ERR_clear_error()
    // SAFETY: OpenSSL reads `count` bytes during the call only.
    let result = unsafe plaintext.withUnsafeBufferPointer { bytes in
      var written = 0
      return unsafe SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &written)
    }
    if result != 1 {
      state = .failed
      throw failure()
    }
    count(applicationBytes: plaintext.count)
  }

  /// Tells the peer that nothing more will be sent (close_notify). It may be read
  /// from all the same. Does nothing before the handshake is complete, or the
  /// second time.
  package mutating func shutdown() {
    if state != .established || hasShutDown { return }
    engine.beginOutput(of: identity)
    ERR_clear_error()
    // SAFETY: the session is alive; the engine takes what it writes.
    unsafe SSL_shutdown(ssl)
    ERR_clear_error()
  }
}

// MARK: - What is known of it

// SAFETY: all of these ask the session, which is alive, and copy the answer.
extension TLSSession {
  /// The peer is who it is to be, and both have keys.
  package var isHandshakeComplete: Bool { state == .established }

  /// The peer has sent close_notify: the end of the stream is no truncation.
  package var isClosedByPeer: Bool { unsafe SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0 }

  /// Tells sessions of an engine apart.
  private var identity: UInt { UInt(bitPattern: unsafe ssl) }

  private var hasShutDown: Bool { unsafe SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN != 0 }

  /// Decrypted, but not yet read.
  package var pendingBytes: Int { unsafe Int(SSL_pending(ssl)) }

  /// Such as `TLSv1.3`.
  package var version: String { unsafe String(cString: SSL_get_version(ssl)) }

  /// Such as `TLS_AES_128_GCM_SHA256`.
  package var cipher: String {
    // SAFETY: a static string of OpenSSL's, copied.
    unsafe String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)))
  }

  /// The negotiated application protocol.
  package var applicationProtocol: String? {
    var start: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    // SAFETY: points into the session, and is copied.
    unsafe SSL_get0_alpn_selected(ssl, &start, &count)
    guard let start = unsafe start else { return nil }
    return unsafe String(
      decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
  }

  /// The name that the client asked for, as it sent it.
  package var serverName: String? {
    // SAFETY: points into the session, and is copied.
    unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { unsafe String(cString: $0) }
  }

  /// The subject of the peer's certificate, which was verified (RFC 2253).
  package var peerCertificateSubject: String? {
    // SAFETY: the certificate is the session's, used at once.
    guard let certificate = unsafe SSL_get0_peer_certificate(ssl) else { return nil }
    return unsafe text(of: X509_get_subject_name(certificate))
  }

  /// The session of an earlier connection was taken up again.
  package var wasResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }
}
