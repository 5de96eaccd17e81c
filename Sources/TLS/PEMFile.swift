internal import COpenSSL
internal import Glibc

/// A file of the configuration, read whole, with errors that say what to do.
struct PEMFile {
  typealias Problem = TLSConfigurationError.Problem

  let path: String
  let role: TLSConfigurationError.Role
  private let bytes: [UInt8]

  init(_ path: String, role: TLSConfigurationError.Role) throws(TLSConfigurationError) {
    self.path = path
    self.role = role
    do throws(ReadFailure) {
      bytes = try PEMFile.read(path)
    } catch {
      throw TLSConfigurationError(file: path, role: role, problem: error.problem)
    }
    if bytes.isEmpty { throw error(.empty) }
    if !containsPEM { throw error(binaryForm ?? .notPEM) }
  }

  func error(_ problem: Problem) -> TLSConfigurationError {
    TLSConfigurationError(file: path, role: role, problem: problem)
  }

  /// All certificates of the file, at least one.
  func certificates() throws(TLSConfigurationError) -> [Certificate] {
    // SAFETY: the BIO is used in the closure only; each call returns a reference
    // of its own.
    let (found, failure) = unsafe withBIO { bio in
      var found: [Certificate] = []
      while let x509 = unsafe PEM_read_bio_X509(bio, nil, refusePassphrase, nil) {
        found.append(unsafe Certificate(owning: x509))
      }
      return (found, OpenSSLError.takeLast())
    }
    if !failure.is(PEM_R_NO_START_LINE, of: ERR_LIB_PEM) { throw error(.malformed(failure.text)) }
    if found.isEmpty { throw error(.noCertificate) }
    return found
  }

  /// The first private key of the file.
  func privateKey() throws(TLSConfigurationError) -> PrivateKey {
    // SAFETY: the BIO is used in the closure only; what is returned is a reference
    // of its own, or null.
    let (key, failure) = unsafe withBIO { bio in
      let key = unsafe PEM_read_bio_PrivateKey(bio, nil, refusePassphrase, nil)
      return (unsafe key.map { unsafe PrivateKey(owning: $0) }, OpenSSLError.takeFirst())
    }
    if let key { return key }
    if contains("-----BEGIN ENCRYPTED PRIVATE KEY") || contains("Proc-Type: 4,ENCRYPTED") {
      throw error(.encryptedKey)
    }
    if contains("PRIVATE KEY-----") { throw error(.malformed(failure.text)) }
    throw error(.noKey)
  }

  private func withBIO<Result>(_ body: (OpaquePointer) -> Result) -> Result {
    ERR_clear_error()
    // SAFETY: the BIO only reads the bytes, which outlive it.
    return unsafe bytes.withUnsafeBytes { bytes in
      let bio = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
      unsafe check(bio != nil, "BIO_new_mem_buf")
      defer { unsafe BIO_free(bio) }
      return unsafe body(bio!)
    }
  }
}

/// A reference to a private key of OpenSSL's.
@safe final class PrivateKey {
  /// This object's until `deinit`, and never null: what makes its use safe.
  let key: OpaquePointer

  /// Takes over one reference.
  init(owning key: OpaquePointer) {
    unsafe self.key = key
  }

  deinit {
    // SAFETY: the one reference that was taken over.
    unsafe EVP_PKEY_free(key)
  }
}

/// Without it, OpenSSL would ask at the terminal.
private let refusePassphrase:
  @convention(c) (
    UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?
  ) -> Int32 = { _, _, _, _ in -1 }

// MARK: - What a file is

extension PEMFile {
  private var containsPEM: Bool { contains("-----BEGIN ") }

  private func contains(_ text: String) -> Bool {
    let text = Array(text.utf8)
    return bytes.indices.dropLast(text.count - 1).contains { start in
      bytes[start] == text[0] && bytes[start..<start + text.count].elementsEqual(text)
    }
  }

  /// What it is when it is not text but what PEM would wrap.
  private var binaryForm: Problem? {
    defer { ERR_clear_error() }
    // SAFETY: the parsers read within the bytes; what they return is given back.
    return unsafe bytes.withUnsafeBufferPointer { bytes -> Problem? in
      var position = bytes.baseAddress
      if let found = unsafe d2i_X509(nil, &position, bytes.count) {
        unsafe X509_free(found)
        return .der
      }
      unsafe position = bytes.baseAddress
      if let found = unsafe d2i_PKCS12(nil, &position, bytes.count) {
        unsafe PKCS12_free(found)
        return .pkcs12
      }
      unsafe position = bytes.baseAddress
      if let found = unsafe d2i_AutoPrivateKey(nil, &position, bytes.count) {
        unsafe EVP_PKEY_free(found)
        return .der
      }
      return nil
    }
  }
}

// MARK: - Reading

private struct ReadFailure: Error {
  let problem: TLSConfigurationError.Problem

  static var last: ReadFailure {
    switch errno {
    case ENOENT, ENOTDIR: return ReadFailure(problem: .missing)
    case EACCES, EPERM: return ReadFailure(problem: .permissionDenied)
    case EISDIR: return ReadFailure(problem: .isDirectory)
    // SAFETY: strerror's text is copied at once.
    case let code: return ReadFailure(problem: .unreadable(unsafe String(cString: strerror(code))))
    }
  }
}

extension PEMFile {
  private static func read(_ path: String) throws(ReadFailure) -> [UInt8] {
    // Not blocking, in case it is a pipe that nobody writes to.
    // SAFETY: the path is a string of Swift's, terminated for the call.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 { throw .last }
    defer { close(descriptor) }
    let sizeMax = TLSConfigurationError.fileBytesMax
    var all: [UInt8] = []
    while all.count <= sizeMax {
      var failure: ReadFailure? = nil
      // SAFETY: read(2) writes at most the capacity, and says how much.
      let block = unsafe [UInt8](unsafeUninitializedCapacity: 16 * 1024) { buffer, count in
        let result = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        if result < 0 { failure = .last }
        count = max(result, 0)
      }
      if let failure { throw failure }
      if block.isEmpty { return all }
      all += block
    }
    throw ReadFailure(problem: .tooLarge)
  }
}
