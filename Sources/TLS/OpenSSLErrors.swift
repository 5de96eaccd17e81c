internal import COpenSSL

/// An entry of OpenSSL's error queue.
struct OpenSSLError {
  let code: UInt

  /// The oldest entry, which is the cause of those after it; empties the queue.
  static func takeFirst() -> OpenSSLError {
    let first = OpenSSLError(code: ERR_peek_error())
    ERR_clear_error()
    return first
  }

  /// The oldest entry of the TLS library's own, or of any other when there is none
  /// of that; empties the queue.
  static func takeCause() -> OpenSSLError {
    var first: OpenSSLError? = nil
    while true {
      let next = OpenSSLError(code: ERR_get_error())
      if next.code == 0 { return first ?? next }
      if next.library == ERR_LIB_SSL {
        ERR_clear_error()
        return next
      }
      first = first ?? next
    }
  }

  /// The newest entry; empties the queue.
  static func takeLast() -> OpenSSLError {
    let last = OpenSSLError(code: ERR_peek_last_error())
    ERR_clear_error()
    return last
  }

  var reason: Int32 { sluice_error_reason(code) }
  var library: Int32 { sluice_error_library(code) }

  func `is`(_ reason: Int32, of library: Int32 = ERR_LIB_SSL) -> Bool {
    self.library == library && self.reason == reason
  }

  /// Such as `wrong version number`.
  var text: String {
    // SAFETY: a static string of OpenSSL's, or null.
    unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) }
      ?? (code == 0 ? "unknown error" : "OpenSSL error \(code)")
  }

  /// A key or signature below the security level.
  var isWeakness: Bool {
    guard library == ERR_LIB_SSL else { return false }
    return [
      SSL_R_EE_KEY_TOO_SMALL, SSL_R_CA_KEY_TOO_SMALL, SSL_R_CA_MD_TOO_WEAK, SSL_R_DH_KEY_TOO_SMALL,
    ].contains(reason)
  }

  /// The alert of the peer that caused it.
  var peerAlert: UInt8? {
    guard library == ERR_LIB_SSL else { return nil }
    return UInt8(exactly: reason - SSL_AD_REASON_OFFSET)
  }
}

/// For what only OpenSSL's allocator or our own misuse can make fail, never a peer.
func check(_ succeeded: Bool, _ call: StaticString) {
  if !succeeded { fatalError("\(call): \(OpenSSLError.takeFirst().text)") }
}
