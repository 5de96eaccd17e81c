/// What is wrong with a ``TLSConfiguration``, and what to do about it.
package struct TLSConfigurationError: Error, Equatable, CustomStringConvertible {
  /// Empty when no file is to blame.
  package let file: String
  /// What is read from it.
  package let role: Role
  /// What is wrong with it.
  package let problem: Problem

  /// What the file was to hold.
  package enum Role: String, Sendable {
    case certificate
    case key = "private key"
    /// Those that a server trusts for its clients.
    case authority = "client CA"
    /// Those that a client trusts.
    case trusted = "CA"
  }

  /// Everything that can be wrong.
  package enum Problem: Equatable, Sendable {
    /// The configuration names no certificate at all.
    case noneConfigured
    case missing
    case permissionDenied
    case isDirectory
    /// With the system's words.
    case unreadable(String)
    case empty
    /// Over ``TLSConfigurationError/fileBytesMax``.
    case tooLarge
    case notPEM
    /// The binary form of what was expected in PEM.
    case der
    case pkcs12
    /// A PEM block that cannot be decoded, with OpenSSL's words.
    case malformed(String)
    case noCertificate
    case noKey
    case encryptedKey
    /// With the file of the certificate.
    case keyMismatch(certificateFile: String)
    /// The key belongs to a certificate of the chain that is not the first.
    case leafNotFirst
    /// Below OpenSSL's security level, with its words.
    case tooWeak(String)
    /// Anything else that OpenSSL refuses, with its words.
    case unusable(String)
  }

  /// No file of certificates is as large.
  package static let fileBytesMax = 4 * 1024 * 1024

  /// For the person who configures it: the file, the problem, the remedy.
  package var description: String {
    if problem == .noneConfigured { return "TLS needs a certificate: none is configured" }
    return "\(role.rawValue) file \(file): \(explanation)"
  }

  private var explanation: String {
    switch problem {
    case .noneConfigured:
      "is not configured"
    case .missing:
      "there is no such file"
    case .permissionDenied:
      "permission denied; let the user that sluice runs as read it"
    case .isDirectory:
      "is a directory; name the PEM file in it"
    case .unreadable(let reason):
      "cannot be read: \(reason)"
    case .empty:
      "is empty"
    case .tooLarge:
      "is larger than \(Self.fileBytesMax / 1_048_576) MiB; is it the right file?"
    case .notPEM:
      "is not PEM: there is no \"-----BEGIN\" line in it"
    case .der:
      "is DER, not PEM; convert it: \(conversion)"
    case .pkcs12:
      "is PKCS #12, not PEM; convert it: openssl pkcs12 -in \(file) -nodes -out converted.pem"
    case .malformed(let reason):
      "is damaged: \(reason)"
    case .noCertificate:
      "holds no certificate (\"-----BEGIN CERTIFICATE-----\")"
    case .noKey:
      "holds no private key (\"-----BEGIN PRIVATE KEY-----\")"
    case .encryptedKey:
      "the key is encrypted, and no passphrase is asked for; "
        + "decrypt it: openssl pkey -in \(file) -out decrypted.pem"
    case .keyMismatch(let certificateFile):
      "the key does not belong to the certificate in \(certificateFile)"
    case .leafNotFirst:
      "the server's own certificate must come first, its intermediates after it"
    case .tooWeak(let reason):
      "is refused as too weak: \(reason); use RSA with 2048 bits or more, or ECDSA, and SHA-256"
    case .unusable(let reason):
      "cannot be used: \(reason)"
    }
  }

  private var conversion: String {
    role == .key
      ? "openssl pkey -inform DER -in \(file) -out converted.pem"
      : "openssl x509 -inform DER -in \(file) -out converted.pem"
  }
}
