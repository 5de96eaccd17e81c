import COpenSSL
import TLS
import TestCertificates
import Testing

@Suite struct ClientCertificateTests {
  let folder = Folder()
  let authority = Identity("CA", isAuthority: true)
  let caFile: String

  static let versions = [TLS1_2_VERSION, TLS1_3_VERSION]

  init() {
    caFile = folder.write("ca.pem", authority.certificatePEM)
  }

  private func connect(
    _ mode: TLSConfiguration.ClientCertificates, _ version: Int32, _ identity: Identity?
  ) throws -> (client: Client, server: Server, error: TLSError?) {
    var configuration = folder.configuration(Identity("localhost", names: ["localhost"]))
    configuration.certificates.append(folder.files(Identity("other", names: ["other.example"])))
    configuration.clientCertificates = mode
    let client = Client(
      .init(
        minimumVersion: version, maximumVersion: version, serverName: "other.example",
        identity: identity))
    let server = Server(try TLSServerContext(configuration))
    do throws(TLSError) {
      try exchange(client, server)
    } catch {
      return (client, server, error)
    }
    return (client, server, nil)
  }

  @Test(arguments: versions)
  func `Ignored`(version: Int32) throws {
    let (_, server, error) = try connect(.ignored, version, Identity("backend"))
    #expect(error == nil && server.peerCertificateSubject == nil)
  }

  @Test(arguments: versions)
  func `Requested`(version: Int32) throws {
    let mode = TLSConfiguration.ClientCertificates.requested(caFile: caFile)
    let without = try connect(mode, version, nil)
    #expect(without.error == nil && without.server.peerCertificateSubject == nil)
    let with = try connect(mode, version, Identity("backend, \"1\"", issuer: authority))
    #expect(with.error == nil)
    #expect(with.server.peerCertificateSubject == "CN=backend\\, \\\"1\\\",O=Sluice")
    let untrusted = try connect(mode, version, Identity("backend"))
    #expect(untrusted.error?.isCertificateError == true)
  }

  @Test(arguments: versions)
  func `Required`(version: Int32) throws {
    let mode = TLSConfiguration.ClientCertificates.required(caFile: caFile)
    let without = try connect(mode, version, nil)
    #expect(without.error == .peerCertificate("none was sent"))
    #expect(without.client.error?.contains("alert") == true)
    let with = try connect(mode, version, Identity("backend", issuer: authority))
    #expect(with.error == nil)
    #expect(with.server.peerCertificateSubject == "CN=backend,O=Sluice")
  }

  @Test(arguments: versions)
  func `Untrusted`(version: Int32) throws {
    let mode = TLSConfiguration.ClientCertificates.required(caFile: caFile)
    let selfSigned = try connect(mode, version, Identity("backend"))
    #expect(selfSigned.error == .peerCertificate("self-signed certificate"))
    #expect(selfSigned.client.error?.contains("alert unknown ca") == true)
    #expect(!selfSigned.server.isHandshakeComplete)

    let other = Identity("CA", isAuthority: true)
    let impostor = try connect(mode, version, Identity("backend", issuer: other))
    #expect(impostor.error?.isCertificateError == true)

    let validity = Identity.Validity(from: -1_000, until: -10)
    let expired = try connect(
      mode, version, Identity("backend", issuer: authority, validity: validity))
    #expect(expired.error == .peerCertificate("certificate has expired"))
    #expect(expired.client.error?.contains("alert certificate expired") == true)
  }
}

extension TLSError {
  var isCertificateError: Bool { if case .peerCertificate = self { true } else { false } }
}
