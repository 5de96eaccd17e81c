internal import COpenSSL

/// What session tickets are sealed with. Servers with the same keys resume each
/// other's sessions; whoever has a key can read past sessions' tickets, so keys
/// are to be replaced often.
package struct TicketKey: Sendable, Equatable {
  /// A name of 16 bytes, and 32 bytes each for AES-256 and for HMAC-SHA-256.
  package static let byteCount = 80

  let bytes: [UInt8]

  /// Takes exactly ``byteCount`` random bytes.
  package init(bytes: [UInt8]) {
    precondition(bytes.count == Self.byteCount)
    self.bytes = bytes
  }

  /// A new key from OpenSSL's random generator.
  package static func random() -> TicketKey {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    // SAFETY: `byteCount` bytes are the array's.
    check(unsafe RAND_bytes(&bytes, Int32(byteCount)) == 1, "RAND_bytes")
    return TicketKey(bytes: bytes)
  }
}

/// The keys of a context. The first seals; all open.
final class TicketKeys {
  static let nameBytes = 16

  private(set) var keys: [TicketKey]

  init(_ keys: [TicketKey]) {
    precondition(!keys.isEmpty)
    self.keys = keys
  }

  func replace(by keys: [TicketKey]) {
    precondition(!keys.isEmpty)
    self.keys = keys
  }

  /// For SSL_CTX_set_tlsext_ticket_key_evp_cb. Negative: an error; 0: no such key,
  /// so a full handshake; 1: done; 2: done, and a new ticket is due.
  func prepare(
    name: UnsafeMutablePointer<UInt8>, initializationVector: UnsafeMutablePointer<UInt8>,
    cipher: OpaquePointer?, mac: OpaquePointer?, seals: Bool
  ) -> Int32 {
    // SAFETY: OpenSSL has 16 bytes each for name and vector; keys have 80.
    if seals {
      let current = keys[0].bytes
      for index in 0..<Self.nameBytes { unsafe name[index] = current[index] }
      let count = unsafe EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())
      guard unsafe RAND_bytes(initializationVector, count) == 1 else { return -1 }
      return unsafe setUp(current, initializationVector, cipher, mac, seals) ? 1 : -1
    }
    for (index, key) in keys.enumerated() {
      guard (0..<Self.nameBytes).allSatisfy({ unsafe name[$0] == key.bytes[$0] }) else {
        continue
      }
      guard unsafe setUp(key.bytes, initializationVector, cipher, mac, seals) else { return -1 }
      return index == 0 ? 1 : 2
    }
    return 0
  }

  private func setUp(
    _ key: [UInt8], _ vector: UnsafeMutablePointer<UInt8>, _ cipher: OpaquePointer?,
    _ mac: OpaquePointer?, _ seals: Bool
  ) -> Bool {
    // SAFETY: 64 bytes of keys follow the name.
    unsafe key.withUnsafeBufferPointer { key in
      unsafe sluice_ticket_prepare(
        cipher, mac, key.baseAddress! + Self.nameBytes, vector, seals ? 1 : 0) == 1
    }
  }
}
