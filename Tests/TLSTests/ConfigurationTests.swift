import COpenSSL
import Glibc
import TLS
import TestCertificates
import Testing

@Suite struct ConfigurationTests {
  let folder = Folder()
  let identity = Identity("localhost", names: ["localhost"])

  private func error(
    _ certificates: [TLSConfiguration.CertificateFiles], authority: String? = nil
  ) -> TLSConfigurationError? {
    var configuration = TLSConfiguration(certificates: certificates)
    if let authority { configuration.clientCertificates = .required(caFile: authority) }
    do throws(TLSConfigurationError) {
      _ = try TLSServerContext(configuration)
      return nil
    } catch {
      return error
    }
  }

  /// The error of a certificate file with this content, and a good key.
  private func certificateError(_ bytes: [UInt8]) -> TLSConfigurationError? {
    error([
      .init(
        chainFile: folder.write("certificate", bytes),
        keyFile: folder.write("key.pem", identity.keyPEM))
    ])
  }

  private func keyError(_ bytes: [UInt8]) -> TLSConfigurationError? {
    error([
      .init(
        chainFile: folder.write("certificate.pem", identity.certificatePEM),
        keyFile: folder.write("key", bytes))
    ])
  }

  @Test func `Good ones`() {
    #expect(error([folder.files(identity)]) == nil)
    #expect(keyError(Array(identity.keyPEM.utf8)) == nil)
    let text = "Some words before.\n" + identity.certificatePEM + "and after\n"
    #expect(certificateError(Array(text.utf8)) == nil)
  }

  @Test func `Nothing configured`() {
    #expect(error([])?.problem == .noneConfigured)
    #expect(error([])?.description == "TLS needs a certificate: none is configured")
  }

  @Test func `Files that cannot be read`() {
    let good = folder.files(identity).chainFile
    let missing = "\(folder.path)/missing"
    let found = error([.init(chainFile: missing, keyFile: good)])
    #expect(found?.description == "certificate file \(missing): there is no such file")
    #expect(error([.init(chainFile: good, keyFile: missing)])?.problem == .missing)
    #expect(error([.init(chainFile: good, keyFile: missing)])?.role == .key)
    #expect(error([.init(chainFile: good)], authority: missing)?.role == .authority)
    #expect(error([.init(chainFile: folder.path)])?.problem == .isDirectory)
    #expect(error([.init(chainFile: "\(good)/x")])?.problem == .missing)
    #expect(certificateError([])?.problem == .empty)
    let large = [UInt8](repeating: 65, count: TLSConfigurationError.fileBytesMax + 1)
    #expect(certificateError(large)?.problem == .tooLarge)
    if geteuid() != 0 {
      unsafe chmod(good, 0)
      #expect(error([.init(chainFile: good)])?.problem == .permissionDenied)
      unsafe chmod(good, 0o600)
    }
  }

  @Test func `Files that are something else`() {
    #expect(certificateError(Array("hello".utf8))?.problem == .notPEM)
    #expect(certificateError(identity.certificateDER)?.problem == .der)
    #expect(
      certificateError(identity.certificateDER)?.description.contains("openssl x509 -inform DER")
        == true)
    #expect(certificateError(identity.pkcs12)?.problem == .pkcs12)
    #expect(keyError(identity.keyDER)?.problem == .der)
    #expect(keyError(identity.keyDER)?.description.contains("openssl pkey -inform DER") == true)
    #expect(certificateError(Array(identity.keyPEM.utf8))?.problem == .noCertificate)
    #expect(keyError(Array(identity.certificatePEM.utf8))?.problem == .noKey)
  }

  @Test func `Damaged files`() {
    var text = Array(identity.certificatePEM.utf8)
    text[200] = UInt8(ascii: "!")
    guard case .malformed = certificateError(text)?.problem else {
      Issue.record("\(String(describing: certificateError(text)))")
      return
    }
    let half = Array(identity.certificatePEM.utf8.prefix(300))
    #expect(certificateError(half)?.description.contains("is damaged") == true)
    let key = Array(identity.keyPEM.utf8.prefix(100))
    #expect(keyError(key)?.description.contains("is damaged") == true)
    var damaged = Array(identity.keyPEM.utf8)
    damaged[60] = UInt8(ascii: "!")
    #expect(keyError(damaged)?.description.contains("is damaged") == true)
  }

  @Test func `Keys that do not fit`() {
    let encrypted = keyError(Array(identity.encryptedKeyPEM.utf8))
    #expect(encrypted?.problem == .encryptedKey)
    #expect(encrypted?.description.contains("openssl pkey -in \(folder.path)/key") == true)
    let other = Identity("other")
    #expect(
      keyError(Array(other.keyPEM.utf8))?.problem
        == .keyMismatch(certificateFile: "\(folder.path)/certificate.pem"))
    let chain = Array((other.certificatePEM + identity.certificatePEM).utf8)
    #expect(certificateError(chain)?.problem == .leafNotFirst)
  }

  @Test func `Weak keys`() {
    let weak = error([folder.files(Identity("weak", keyType: .rsa(bits: 1_024)))])
    #expect(weak?.problem == .tooWeak("ee key too small"))
    #expect(error([folder.files(Identity("strong", keyType: .rsa(bits: 2_048)))]) == nil)
  }

  @Test func `Client authorities`() {
    let files = [folder.files(identity)]
    let good = folder.write("ca.pem", Identity("CA", isAuthority: true).certificatePEM)
    #expect(error(files, authority: good) == nil)
    #expect(error(files, authority: folder.write("ca", "hello"))?.problem == .notPEM)
    let key = folder.write("ca-key", identity.keyPEM)
    #expect(
      error(files, authority: key)?.description
        == "client CA file \(key): holds no certificate (\"-----BEGIN CERTIFICATE-----\")")
  }

  @Test func `Certificates that clients will refuse`() throws {
    let expired = Identity(
      "old", names: ["old.example"], validity: .init(from: -1_000_000, until: -500_000))
    let early = Identity(
      "new", names: ["new.example"], validity: .init(from: 50_000, until: 100_000))
    let nameless = Identity("")
    let context = try TLSServerContext(
      TLSConfiguration(certificates: [expired, identity, early, nameless].map(folder.files)))
    let warnings = context.warnings(atUnixSeconds: Int64(time(nil)))
    #expect(warnings.count == 2 || warnings.count == 3)
    #expect(warnings[0].description.hasSuffix("expired 5 days ago; clients will refuse it"))
    #expect(warnings[1].description.contains("becomes valid only in 13 hours"))
    // It is served all the same: that a client refuses it is the client's matter.
    let server = Server(context)
    try exchange(Client(), server)
    #expect(server.isHandshakeComplete)
  }
}
