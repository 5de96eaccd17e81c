internal import HTTPCore
internal import TLS
internal import WebSocketClient
internal import WebSocketCore

/// What a user of the command can do about an end; nil where there is nothing to say.
func remedy(for end: ClientEnd) -> String? {
  switch end {
  case .tls(let error): remedy(for: error)
  case .notOpened(.tls): "use wss://"
  case .notOpened(.notAccepted(let error, let head, _)): remedy(for: error, head)
  case .failed(.messageTooBig): "--max-message-size takes larger ones"
  default: nil
  }
}

private func remedy(for error: TLSError) -> String? {
  switch error {
  case .notTLS: "use ws://"
  case .peerCertificate(let reason):
    if reason.hasSuffix("mismatch") {
      "connect by a name that it has, or give --insecure to accept any"
    } else if reason.contains("expired") || reason.contains("not yet valid") {
      "give --insecure to accept any"
    } else {
      "give --ca FILE with the certificate that it is issued by, or --insecure to accept any"
    }
  case .peerAlert(let code, _) where certificateAlerts.contains(code):
    "the server may want another --certificate"
  default: nil
  }
}

/// What servers say to a certificate, or to none (RFC 8446 §6.2): handshake_failure,
/// bad_certificate to certificate_unknown, unknown_ca, access_denied, certificate_required.
private let certificateAlerts: Set<UInt8> = [40, 42, 43, 44, 45, 46, 48, 49, 116]

private func remedy(for error: ClientHandshakeError, _ head: ResponseHead) -> String? {
  switch error {
  case .redirect: "connect there"
  case .unauthorized: "give --header 'Authorization: …', or USER:PASSWORD@ in the URL"
  case .unsupportedVersion(let supported):
    ["13", "8"].first(where: supported.contains).map { "try --protocol-version \($0)" }
  case .refused:
    head.headers["Retry-After"].flatMap { RetryHint(retryAfter: $0) }.map { hint in
      "it asks to be tried again in \(hint.milliseconds.lowerBound / 1000) s"
    }
  default: nil
  }
}
