internal import COpenSSL
internal import Glibc

/// Makes certificates in a folder of its own, which goes with it.
@safe package final class Folder {
  package let path: String

  package init() {
    var template = Array("/tmp/sluice-tls-XXXXXX".utf8CString)
    // SAFETY: terminated, and mkdtemp changes the X only.
    path = unsafe template.withUnsafeMutableBufferPointer {
      unsafe String(cString: mkdtemp($0.baseAddress!))
    }
  }

  deinit {
    guard let folder = unsafe opendir(path) else { return }
    while let entry = unsafe readdir(folder) {
      // SAFETY: the name is terminated, within the entry.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      unsafe unlink("\(path)/\(name)")
    }
    unsafe closedir(folder)
    unsafe rmdir(path)
  }

  /// Writes a file, and says where.
  @discardableResult
  package func write(_ name: String, _ bytes: [UInt8]) -> String {
    let file = "\(path)/\(name)"
    let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    precondition(descriptor >= 0)
    // SAFETY: the bytes are the array's.
    precondition(unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    close(descriptor)
    return file
  }

  @discardableResult
  package func write(_ name: String, _ text: String) -> String { write(name, Array(text.utf8)) }
}

/// A key pair with a certificate.
@safe package final class Identity {
  package let key: OpaquePointer
  package let x509: OpaquePointer
  package let name: String

  package struct Validity {
    package var from: Int = -86_400
    package var until: Int = 86_400

    package init(from: Int = -86_400, until: Int = 86_400) {
      self.from = from
      self.until = until
    }
  }

  /// Issued by `issuer`, or by itself.
  package init(
    _ commonName: String, names: [String] = [], issuer: Identity? = nil, isAuthority: Bool = false,
    validity: Validity = Validity(), keyType: KeyType = .ec
  ) {
    name = commonName
    unsafe key = keyType.generate()
    unsafe x509 = X509_new()
    unsafe X509_set_version(x509, 2)
    var serial: UInt32 = 0
    unsafe withUnsafeMutableBytes(of: &serial) { unsafe _ = RAND_bytes($0.baseAddress, 3) }
    unsafe ASN1_INTEGER_set(X509_get_serialNumber(x509), Int(serial) + 1)
    unsafe X509_gmtime_adj(X509_getm_notBefore(x509), validity.from)
    unsafe X509_gmtime_adj(X509_getm_notAfter(x509), validity.until)
    let subject = unsafe X509_get_subject_name(x509)
    unsafe X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, "Sluice", -1, -1, 0)
    unsafe X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, commonName, -1, -1, 0)
    unsafe X509_set_issuer_name(x509, X509_get_subject_name((issuer ?? self).x509))
    unsafe X509_set_pubkey(x509, key)
    if isAuthority { extend(NID_basic_constraints, "critical,CA:TRUE") }
    if !names.isEmpty {
      extend(
        NID_subject_alt_name,
        names.map { $0.hasPrefix("IP:") ? $0 : "DNS:\($0)" }.joined(separator: ","))
    }
    precondition(unsafe X509_sign(x509, (issuer ?? self).key, EVP_sha256()) > 0)
  }

  deinit {
    unsafe X509_free(x509)
    unsafe EVP_PKEY_free(key)
  }

  private func extend(_ identifier: Int32, _ value: String) {
    let added = unsafe X509V3_EXT_nconf_nid(nil, nil, identifier, value)
    precondition(unsafe added != nil)
    unsafe X509_add_ext(x509, added, -1)
    unsafe X509_EXTENSION_free(added)
  }

  package enum KeyType {
    case ec
    case rsa(bits: Int32)

    func generate() -> OpaquePointer {
      let identifier = if case .ec = self { EVP_PKEY_EC } else { EVP_PKEY_RSA }
      let context = unsafe EVP_PKEY_CTX_new_id(identifier, nil)
      defer { unsafe EVP_PKEY_CTX_free(context) }
      unsafe EVP_PKEY_keygen_init(context)
      switch self {
      case .ec: unsafe EVP_PKEY_CTX_set_group_name(context, "P-256")
      case .rsa(let bits): unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits)
      }
      var key: OpaquePointer?
      unsafe EVP_PKEY_keygen(context, &key)
      return unsafe key!
    }
  }

  package var certificatePEM: String { unsafe written { unsafe PEM_write_bio_X509($0, x509) } }
  package var keyPEM: String {
    unsafe written { unsafe PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
  }
  package var encryptedKeyPEM: String {
    unsafe written {
      unsafe PEM_write_bio_PKCS8PrivateKey($0, key, EVP_aes_256_cbc(), "secret", 6, nil, nil)
    }
  }
  package var certificateDER: [UInt8] { unsafe bytes { unsafe i2d_X509_bio($0, x509) } }
  package var keyDER: [UInt8] { unsafe bytes { unsafe i2d_PrivateKey_bio($0, key) } }
  package var pkcs12: [UInt8] {
    let archive = unsafe PKCS12_create("secret", "name", key, x509, nil, 0, 0, 0, 0, 0)
    defer { unsafe PKCS12_free(archive) }
    return unsafe bytes { unsafe i2d_PKCS12_bio($0, archive) }
  }

  private func written(_ body: (OpaquePointer?) -> Int32) -> String {
    String(decoding: unsafe bytes(body), as: UTF8.self)
  }

  private func bytes(_ body: (OpaquePointer?) -> Int32) -> [UInt8] {
    let bio = unsafe BIO_new(BIO_s_mem())
    defer { unsafe BIO_free(bio) }
    precondition(unsafe body(bio) == 1)
    return unsafe drain(bio)
  }
}

/// Everything in a memory BIO.
package func drain(_ bio: OpaquePointer?) -> [UInt8] {
  // SAFETY: BIO_read writes at most the capacity, and says how much.
  // As in Server.gather: an empty array is not to be filled with nothing.
  if unsafe BIO_ctrl_pending(bio) == 0 { return [] }
  return unsafe [UInt8](unsafeUninitializedCapacity: BIO_ctrl_pending(bio)) { buffer, count in
    count = unsafe Int(max(0, BIO_read(bio, buffer.baseAddress, Int32(buffer.count))))
  }
}
