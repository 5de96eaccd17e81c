import HTTPCore
import Testing

@testable import GatewayWorker

@Suite("Connections by client address")
struct AddressTableTests {
  private let first = IPAddress("192.0.2.1")!
  private let second = IPAddress("2001:db8::1")!

  @Test("an address has so many connections, and another one its own")
  func connections() {
    var table = AddressTable(limits: .init(connectionsMax: 2, handshakesMax: 10))
    let admitted = [first, first, first, second].map { table.admit($0) }
    #expect(admitted == [true, true, false, true])
    table.disconnected(first, inHandshake: true)
    let afterwards = [first, first].map { table.admit($0) }
    #expect(afterwards == [true, false])
  }

  @Test("of which so many are in their handshake")
  func handshakes() {
    var table = AddressTable(limits: .init(connectionsMax: nil, handshakesMax: 2))
    let admitted = [first, first, first].map { table.admit($0) }
    #expect(admitted == [true, true, false])
    table.handshakeEnded(first)
    let established = [first, first].map { table.admit($0) }
    #expect(established == [true, false])
    // The end of an established connection ends no handshake; that of another does.
    table.disconnected(first, inHandshake: false)
    let stillFull = table.admit(first)
    #expect(!stillFull)
    table.disconnected(first, inHandshake: true)
    let free = table.admit(first)
    #expect(free)
  }

  @Test("a network of IPv6, which one subscriber has, is one address")
  func ipv6Networks() {
    var table = AddressTable(limits: .init(connectionsMax: 2, handshakesMax: 10))
    let texts = ["2001:db8::1", "2001:db8::ffff:1", "2001:db8::2", "2001:db8:0:1::1"]
    let admitted = texts.map { table.admit(IPAddress($0)!) }
    #expect(admitted == [true, true, false, true])
    table.disconnected(IPAddress("2001:db8::3")!, inHandshake: true)
    let afterwards = table.admit(second)
    #expect(afterwards)
    // While IPv4 addresses, of which many lie in one /64 by form, are each their own.
    let ipv4 = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"].map {
      table.admit(IPAddress($0)!)
    }
    #expect(ipv4 == [true, true, true, true])
  }

  @Test("addresses without a connection are forgotten")
  func forgotten() {
    var table = AddressTable(limits: .init(connectionsMax: nil, handshakesMax: 1))
    let many = (0..<1_000 as Range<UInt32>).map { IPAddress(ipv4: $0) }
    for address in many {
      // The second time it is refused, which leaves nothing behind either.
      let admitted = [table.admit(address), table.admit(address)]
      #expect(admitted == [true, false])
      table.handshakeEnded(address)
    }
    #expect(table.count == 1_000)
    for address in many { table.disconnected(address, inHandshake: false) }
    #expect(table.count == 0)
  }
}

@Suite("Rate limits")
struct RateLimitTests {
  @Test("so many in a second, and again in the next")
  func perSecond() {
    var limit = RateLimit()
    let allowed = [5_000, 5_001, 5_500, 5_999, 6_000].map { limit.allows(3, now: $0) }
    #expect(allowed == [true, true, true, false, true])
  }

  @Test("zero is no limit")
  func none() {
    var limit = RateLimit()
    let allowed = (0..<1_000).map { _ in limit.allows(0, now: 5_000) }
    #expect(allowed.allSatisfy { $0 })
  }
}
