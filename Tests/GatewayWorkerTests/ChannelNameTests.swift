import Testing

@testable import GatewayWorker

@Suite("Channel names")
struct ChannelNameTests {
  @Test(
    "are a path segment, percent-decoded once",
    arguments: [
      ("room", "room"), ("a", "a"), ("Room", "Room"), ("r%6Fom", "room"), ("%72%6f%6F%6D", "room"),
      ("a%20b", "a b"), ("a+b", "a+b"), ("%2F", "/"), ("a%2Fb", "a/b"), ("%25", "%"),
      ("%2541", "%41"), ("%252541", "%2541"), ("..", ".."), ("%2e%2E", ".."), ("a;b=c", "a;b=c"),
      ("%C3%A9", "é"), ("é", "é"), ("%F0%9F%92%A7", "💧"), ("%F4%8F%BF%BF", "\u{10FFFF}"),
      ("%C2%A0", "\u{A0}"), ("%E2%80%A8", "\u{2028}"), ("%EF%BB%BFa", "\u{FEFF}a"), ("%7E", "~"),
      ("%20", " "), ("{a}", "{a}"),
    ])
  func valid(segment: String, name: String) {
    #expect(ChannelName(pathSegment: segment)?.bytes == Array(name.utf8))
  }

  @Test("are never empty")
  func empty() {
    #expect(ChannelName(pathSegment: "") == nil)
  }

  @Test("have no control characters, neither C0 nor DEL nor C1")
  func controlCharacters() {
    for value: UInt32 in 0...0xFF {
      let scalar = Unicode.Scalar(value)!
      let isControl = value < 0x20 || value == 0x7F || (0x80...0x9F).contains(value)
      #expect((scalar.properties.generalCategory == .control) == isControl)
      let encoded = UTF8.encode(scalar)!.map { "%" + hex($0) }.joined()
      for segment in [encoded, "a" + encoded, encoded + "a"] {
        #expect((ChannelName(pathSegment: segment) == nil) == isControl, "\(segment)")
      }
    }
  }

  @Test(
    "are UTF-8",
    arguments: [
      "%80", "%BF", "%C0%80", "%C1%BF", "%C3", "%C3%28", "%E0%80%80", "%ED%A0%80", "%ED%BF%BF",
      "%F0%80%80%80", "%F4%90%80%80", "%F5%80%80%80", "%FE", "%FF", "a%E2%82", "%E9",
    ])
  func invalidUTF8(segment: String) {
    #expect(ChannelName(pathSegment: segment) == nil)
  }

  @Test(
    "are whole in their percent-encoding",
    arguments: [
      "%", "%4", "a%", "a%4", "%G0", "%0G", "%%", "%%41", "% 41", "%-1", "%u0041", "%\u{660}1",
    ])
  func badEncoding(segment: String) {
    #expect(ChannelName(pathSegment: segment) == nil)
  }

  @Test("have at most 255 bytes, once decoded")
  func length() {
    let most = String(repeating: "a", count: 255)
    #expect(ChannelName(pathSegment: most)?.bytes.count == 255)
    #expect(ChannelName(pathSegment: most + "a") == nil)
    #expect(ChannelName(pathSegment: String(repeating: "%61", count: 255))?.bytes.count == 255)
    #expect(ChannelName(pathSegment: String(repeating: "%61", count: 256)) == nil)
    let wide = String(repeating: "%E2%82%AC", count: 85)
    #expect(ChannelName(pathSegment: wide)?.bytes.count == 255)
    #expect(ChannelName(pathSegment: wide + "a") == nil)
  }

  @Test("are the same only byte for byte")
  func equality() {
    func name(_ segment: String) -> ChannelName? { ChannelName(pathSegment: segment) }
    #expect(name("room") == name("r%6fom"))
    #expect(name("room") != name("Room"))
    // é in one code point and in two: the same text to a reader, and to Swift's strings.
    #expect("\u{E9}" == "e\u{301}")
    #expect(name("%C3%A9") != name("e%CC%81"))
    #expect(Set([name("%C3%A9"), name("e%CC%81"), name("\u{E9}")]).count == 2)
    // The sign for ångström and the letter.
    #expect(name("%E2%84%AB") != name("%C3%85"))
  }

  private func hex(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }
}
