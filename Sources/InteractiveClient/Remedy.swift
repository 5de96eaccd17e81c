internal import HTTPCore
internal import TLS
internal import WebSocketClient
internal import WebSocketCore

/// What a user of the command can do about an end; nil where there is nothing to say.
func remedy(for end: ClientEnd) -> String? {
  switch end {
  case .tls(let error): remedy(for: error)
  case .notOpened(.malformed): "it may speak TLS: use wss://"
  case .notOpened(.notAccepted(let error, _)): remedy(for: error)
  default: nil
  }
}

private func remedy(for error: TLSError) -> String? {
  switch error {
  case .notTLS: "this port doesn't speak TLS: use ws://"
  case .peerCertificate:
    "give --ca FILE with the certificate that it is issued by, or --insecure to accept any"
  case .peerAlert: "the server may want a --certificate"
  default: nil
  }
}

private func remedy(for error: ClientHandshakeError) -> String? {
  switch error {
  case .redirect: "connect there"
  case .unauthorized: "give --header 'Authorization: …', or USER:PASSWORD@ in the URL"
  case .unsupportedVersion: "try --protocol-version"
  default: nil
  }
}
