import Testing

@testable import WebSocketCore

private func hex(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func digest(_ text: String) -> String {
  let bytes = Array(text.utf8)
  return hex(SHA1.digest(bytes.span))
}

@Suite("RFC 3174: SHA-1")
struct SHA1Tests {
  /// The four test cases of §7.3, and the empty message.
  @Test(arguments: [
    ("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
      "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
    ),
    ("a", 1_000_000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
    (
      "0123456701234567012345670123456701234567012345670123456701234567", 10,
      "dea356a2cddd90c7a7ecedc5ebb563934f460452"
    ),
    ("", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
  ])
  func vectors(_ text: String, _ count: Int, _ expected: String) {
    #expect(digest(String(repeating: text, count: count)) == expected)
  }

  /// Where the padding needs another block, and where it does not: computed with coreutils.
  @Test(arguments: [
    (55, "cef734ba81a024479e09eb5a75b6ddae62e6abf1"),
    (56, "901305367c259952f4e7af8323f480d59f81335b"),
    (57, "025ecbd5d70f8fb3c5457cd96bab13fda305dc59"),
    (63, "0ddc4e0cccd9a12850deb5abb0853a4425559fec"),
    (64, "bb2fa3ee7afb9f54c6dfb5d021f14b1ffe40c163"),
    (65, "78c741ddc482e4cdf8c474a0876347a0905b6233"),
    (119, "4300320394f7ee239bcdce7d3b8bcee173a0cd5c"),
    (120, "ceb2821639c4b6dcb10bce0e522ca2e608ce056d"),
    (128, "150fa3fbdc899bd0b8f95a9fb6027f564d953762"),
  ])
  func blockBoundaries(_ count: Int, _ expected: String) {
    #expect(digest(String(repeating: "x", count: count)) == expected)
  }
}

@Suite("RFC 4648 §4: base64")
struct Base64Tests {
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
  ])
  func vectors(_ text: String, _ encoded: String) {
    #expect(Base64.encode(Array(text.utf8)) == encoded)
    #expect(Base64.decode(encoded) == Array(text.utf8))
  }

  @Test func everyByteComesBack() {
    let bytes = (0...255).map { UInt8($0) }
    for count in 0...bytes.count {
      #expect(Base64.decode(Base64.encode(Array(bytes.suffix(count)))) == bytes.suffix(count))
    }
    #expect(Base64.encode([0xFB, 0xFF, 0xFE]) == "+//+")
  }

  @Test(arguments: [
    "Z", "Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zg==Zg==", "Zm=v", "=m9v", "Zm9 ", "Zm9\n",
    "Zm9-", "Zm9_", "Zm9\u{0}", "Zm\u{e9}", "Z=g=",
  ])
  func refuses(_ text: String) {
    #expect(Base64.decode(text) == nil)
  }

  @Test func superfluousBitsMayBeSet() {
    #expect(Base64.decode("Zh==") == Array("f".utf8))
  }
}

@Suite("RFC 6455 §1.3: accept key")
struct HandshakeKeyTests {
  @Test func example() {
    #expect(HandshakeKey.accept(for: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }

  @Test func clientKey() {
    var random: [16 of UInt8] = .init(repeating: 0)
    for (index, byte) in "the sample nonce".utf8.enumerated() {
      random[index] = byte
    }
    #expect(ClientHandshake.key(from: random) == "dGhlIHNhbXBsZSBub25jZQ==")
  }
}
