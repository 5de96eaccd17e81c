import HTTPCore
import Testing

@Suite("RFC 4291 §2.2, RFC 5952 §4: addresses as text")
struct IPAddressTests {
  @Test(arguments: [
    ("0.0.0.0", 0), ("127.0.0.1", 0x7F00_0001), ("192.0.2.1", 0xC000_0201),
    ("255.255.255.255", UInt32.max), ("1.20.100.0", 0x0114_6400),
  ])
  func ipv4(_ text: String, _ number: UInt32) throws {
    let address = try #require(IPAddress(text))
    #expect(address == IPAddress(ipv4: number))
    #expect(address.ipv4 == number)
    #expect(address.description == text)
  }

  @Test(arguments: [
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::A", "2001:db8::a"),
    ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("0:0:0:0:0:0:0:0", "::"), ("a:0:0:0:0:0:0:0", "a::"),
    ("1:0:0:0:0:0:0:1", "1::1"), ("1::3:4:0:0:0:8", "1:0:3:4::8"), ("::192.0.2.1", "::c000:201"),
    ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ("fe80::1", "fe80::1"), ("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", fullIPv6),
  ])
  func ipv6(_ text: String, _ canonical: String) throws {
    let address = try #require(IPAddress(text))
    #expect(!address.isIPv4)
    #expect(address.description == canonical)
    #expect(IPAddress(canonical) == address)
  }

  @Test(arguments: [
    "::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1", "0:0:0:0:0:ffff:c000:201",
  ])
  func ipv4MappedIsIPv4(_ text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(address == IPAddress(ipv4: 0xC000_0201))
    #expect(address.description == "192.0.2.1")
  }

  @Test(arguments: [
    "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.0.0.1", "1.2.3.1000",
    "01.2.3.4", "1.2.3.00", "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "1.2.3.4\0",
    "+1.2.3.4",
    "-1.2.3.4", "1.2.3.a", "1.2.3.4/8", "1.2.3.4:80", "\u{0661}.2.3.4", "16909060", "a.b.c.d",
    ":", ":::", "1", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:", "::1:",
    ":1::", "1::2::3", "1:::2", "::::", "12345::", "::g", "::-1", "[::1]", "::1%eth0", "::1/128",
    "1:2:3:4:5:6:7::8", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8::", "1:2:3:4:5:6:7:1.2.3.4",
    "1:2:3:4:5:1.2.3.4", "::1.2.3", "::1.2.3.4.5", "::1.2.3.4:1", "1.2.3.4::", "::01.2.3.4",
    "::256.0.0.1", "::ffff:1.2.3.4%1", " ::1", "::1 ", "1 ::",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffff",
    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", "\u{ff11}::",
  ])
  func refused(_ text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test func networkOrder() {
    let four: [UInt8] = [192, 0, 2, 1]
    let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 1]
    let six: [UInt8] = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    #expect(IPAddress(networkOrder: four.span).description == "192.0.2.1")
    #expect(IPAddress(networkOrder: mapped.span) == IPAddress(networkOrder: four.span))
    #expect(IPAddress(networkOrder: six.span) == IPAddress("2001:db8::1"))
    #expect(IPAddress(networkOrder: six.span) == IPAddress(ipv6: 0x2001_0DB8 << 96 | 1))
  }

  /// Every place and length of zero groups survives writing and reading.
  @Test func roundTrip() {
    for zeros in 0..<256 {
      var bits: UInt128 = 0
      for group in 0..<8 {
        bits = bits << 16 | (zeros >> group & 1 == 1 ? 0 : UInt128(0xA0 + group))
      }
      let address = IPAddress(ipv6: bits)
      #expect(IPAddress(address.description) == address)
    }
  }

  @Test func compact() {
    #expect(MemoryLayout<IPAddress>.size == 16)
    #expect(MemoryLayout<IPAddress>.stride == 16)
  }
}

private let fullIPv6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

@Suite("RFC 4632 §3.1, RFC 4291 §2.3: blocks of addresses")
struct IPNetworkTests {
  @Test(arguments: [
    ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
    ("192.0.2.128/25", "192.0.2.128", "192.0.2.255", "192.0.2.127", "192.0.3.0"),
    ("192.0.2.1/32", "192.0.2.1", "192.0.2.1", "192.0.2.0", "192.0.2.2"),
    ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.0", "192.0.2.2"),
    ("0.0.0.0/0", "0.0.0.0", "255.255.255.255", "::", "2001:db8::"),
    ("0.0.0.0/1", "0.0.0.0", "127.255.255.255", "128.0.0.0", "::1"),
    ("::ffff:10.0.0.0/104", "10.0.0.0", "::ffff:10.255.255.255", "11.0.0.0", "::a00:0"),
    ("::ffff:0:0/96", "0.0.0.0", "255.255.255.255", "::1", "::1:0:0:0"),
    ("fd00::/8", "fd00::", "fdff:ffff::1", "fcff::", "fe00::"),
    ("2001:db8::/33", "2001:db8::", "2001:db8:7fff::", "2001:db8:8000::", "2001:db7::"),
    ("::1", "::1", "::1", "::", "::2"), ("::1/128", "::1", "::1", "0.0.0.1", "::2"),
    ("::/0", "::", "ffff::", "0.0.0.0", "::ffff:10.0.0.1"),
    ("::/1", "::", "7fff::", "8000::", "127.0.0.1"),
  ])
  func contains(
    _ text: String, _ first: String, _ last: String, _ outside: String, _ other: String
  ) throws {
    let network = try IPNetwork(parsing: text)
    #expect(network.contains(try #require(IPAddress(first))))
    #expect(network.contains(try #require(IPAddress(last))))
    #expect(!network.contains(try #require(IPAddress(outside))))
    #expect(!network.contains(try #require(IPAddress(other))))
    #expect(try IPNetwork(parsing: network.description) == network)
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.1", "192.0.2.1/32"), ("FD00::/8", "fd00::/8"),
    ("::1", "::1/128"), ("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("0.0.0.0/0", "0.0.0.0/0"),
    ("::/0", "::/0"),
  ])
  func description(_ text: String, _ canonical: String) throws {
    #expect(try IPNetwork(parsing: text).description == canonical)
  }

  @Test(arguments: [
    ("", IPNetworkError.invalidAddress), ("/8", .invalidAddress), ("10/8", .invalidAddress),
    ("10.0.0/8", .invalidAddress), ("[::]/0", .invalidAddress), ("a", .invalidAddress),
    (" 10.0.0.0/8", .invalidAddress), ("10.0.0.0 /8", .invalidAddress),
    ("10.0.0.0/", .invalidPrefixLength), ("10.0.0.0/33", .invalidPrefixLength),
    ("10.0.0.0/08", .invalidPrefixLength), ("10.0.0.0/-1", .invalidPrefixLength),
    ("10.0.0.0/+8", .invalidPrefixLength), ("10.0.0.0/8 ", .invalidPrefixLength),
    ("10.0.0.0/8/8", .invalidPrefixLength), ("10.0.0.0/255.0.0.0", .invalidPrefixLength),
    ("::/129", .invalidPrefixLength), ("::/999999999999999999999", .invalidPrefixLength),
    ("::/1280", .invalidPrefixLength), ("10.0.0.1/8", .addressBitsAfterPrefix),
    ("10.0.0.1/31", .addressBitsAfterPrefix), ("0.0.0.1/0", .addressBitsAfterPrefix),
    ("fd00::1/8", .addressBitsAfterPrefix), ("::ffff:0:0/95", .addressBitsAfterPrefix),
    ("::ffff:10.0.0.0/8", .addressBitsAfterPrefix),
  ])
  func refused(_ text: String, _ error: IPNetworkError) {
    #expect(throws: error) { try IPNetwork(parsing: text) }
  }
}
