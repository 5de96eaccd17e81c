internal import COpenSSL

/// A reference to a certificate of OpenSSL's.
@safe final class Certificate {
  /// This object's until `deinit`, and never null: what makes its use safe.
  let x509: OpaquePointer

  /// Takes over one reference.
  init(owning x509: OpaquePointer) {
    unsafe self.x509 = x509
  }

  deinit {
    // SAFETY: the one reference that was taken over.
    unsafe X509_free(x509)
  }

  // SAFETY: names and times are the certificate's, and are copied.
  var subject: String { unsafe text(of: X509_get_subject_name(x509)) }
  var notBefore: Int64? { unsafe unixSeconds(of: X509_get0_notBefore(x509)) }
  var notAfter: Int64? { unsafe unixSeconds(of: X509_get0_notAfter(x509)) }

  /// The host names that it is for, in lowercase: the dNSNames, or the common name
  /// when it has no subject alternative names at all.
  var names: [String] {
    let collected = Names()
    // SAFETY: the callback runs during the call only, while `collected` lives; it
    // is given `count` bytes, which it copies.
    let found = unsafe sluice_certificate_each_dns_name(
      x509, Unmanaged.passUnretained(collected).toOpaque()
    ) { argument, start, count in
      let bytes = unsafe UnsafeBufferPointer(start: start, count: Int(count))
      let collected = unsafe Unmanaged<Names>.fromOpaque(argument!).takeUnretainedValue()
      collected.names.append(unsafe String(decoding: bytes, as: UTF8.self).lowercased())
    }
    if found < 0, let name = commonName { return [name.lowercased()] }
    return collected.names
  }

  private var commonName: String? {
    // SAFETY: what is found belongs to the certificate, and is copied.
    let subject = unsafe X509_get_subject_name(x509)
    let index = unsafe X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
    guard index >= 0 else { return nil }
    let data = unsafe X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index))
    let bytes = unsafe UnsafeBufferPointer(
      start: ASN1_STRING_get0_data(data), count: Int(ASN1_STRING_length(data)))
    return unsafe String(decoding: bytes, as: UTF8.self)
  }

  private final class Names {
    var names: [String] = []
  }
}

/// A name of OpenSSL's in the form of RFC 2253, such as `CN=backend,O=Example`.
func text(of name: OpaquePointer?) -> String {
  // SAFETY: the BIO is freed here and nowhere else.
  let bio = unsafe BIO_new(BIO_s_mem())
  defer { unsafe BIO_free(bio) }
  guard unsafe X509_NAME_print_ex(bio, name, 0, sluice_name_flags) >= 0 else {
    ERR_clear_error()
    return ""
  }
  var start: UnsafeMutablePointer<CChar>?
  let count = unsafe sluice_memory_text(bio, &start)
  // SAFETY: the text is the BIO's until that is freed, and is copied before.
  return unsafe String(
    decoding: UnsafeRawBufferPointer(start: start, count: Int(count)), as: UTF8.self)
}

private func unixSeconds(of time: UnsafePointer<ASN1_TIME>?) -> Int64? {
  // SAFETY: the epoch is freed here and nowhere else.
  let epoch = unsafe ASN1_TIME_set(nil, 0)
  defer { unsafe ASN1_STRING_free(epoch) }
  var days: Int32 = 0
  var seconds: Int32 = 0
  guard unsafe ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else {
    ERR_clear_error()
    return nil
  }
  return Int64(days) * 86400 + Int64(seconds)
}
