import HTTPCore
import Testing
import WebSocketCore

@testable import GatewayWorker
@testable import SystemIO

private func connection(_ slot: Int, generation: UInt32 = 1) -> Connection {
  Connection(
    token: Token(slot: UInt32(slot), generation: generation), peer: nil, isFromProxy: false,
    speaksTLS: false,
    messageLimits: MessageLimits(), httpLimits: HTTPLimits(), now: UInt64(slot))
}

@Suite("The table of connections")
struct ConnectionTableTests {
  @Test("holds connections at their slots, in any order of coming and going")
  func comingAndGoing() {
    var table = ConnectionTable()
    var expected: Set<Int> = []
    for slot in [0, 255, 256, 3, 1000, 257, 511, 512] {
      table.insert(connection(slot))
      expected.insert(slot)
      let count = table.count
      #expect(count == expected.count)
    }
    for slot in [255, 1000, 0] {
      table.remove(slot)
      expected.remove(slot)
    }
    table.insert(connection(255, generation: 2))
    expected.insert(255)
    let count = table.count
    let slots = table.slots()
    #expect(count == expected.count)
    #expect(slots == expected.sorted())
    for slot in 0..<2000 {
      let isThere = table.contains(slot)
      #expect(isThere == expected.contains(slot))
    }
    for slot in expected {
      let token = table[slot].token
      #expect(token == Token(slot: UInt32(slot), generation: slot == 255 ? 2 : 1))
    }
  }

  @Test("an empty one holds nothing")
  func empty() {
    let table = ConnectionTable()
    let isThere = table.contains(0) || table.contains(100_000)
    let slots = table.slots()
    let count = table.count
    #expect(!isThere && slots.isEmpty && count == 0)
  }

  @Test("connections are changed where they lie")
  func changes() {
    var table = ConnectionTable()
    for slot in 0..<600 { table.insert(connection(slot)) }
    for slot in 0..<600 where slot % 3 == 0 { table[slot].held.append(UInt8(slot % 251)) }
    for slot in 0..<600 {
      let held = table[slot].held
      let lastReceived = table[slot].lastReceived
      #expect(held == (slot % 3 == 0 ? [UInt8(slot % 251)] : []))
      #expect(lastReceived == UInt64(slot))
    }
  }

  @Test("connections go when they are removed, and with the table")
  func release() {
    let channel = Channel(name: ChannelName(pathSegment: "room")!)
    weak var removed: HTTPExchange?
    weak var left: HTTPExchange?
    do {
      var table = ConnectionTable()
      table.insert(connection(7))
      table.insert(connection(300))
      table[7].endpoint = .channel(channel, echoes: false)
      removed = table[7].http
      left = table[300].http
      #expect(removed != nil && left != nil)
      table.remove(7)
      #expect(removed == nil && left != nil)
      // Used here, so that the table lives until now.
      let count = table.count
      #expect(count == 1)
    }
    #expect(left == nil)
  }

  @Test("a slot that is not taken is our own mistake, and traps")
  func vacantSlot() async {
    await #expect(processExitsWith: .failure) {
      var table = ConnectionTable()
      table.insert(connection(1))
      table.remove(2)
    }
    await #expect(processExitsWith: .failure) {
      var table = ConnectionTable()
      table.insert(connection(1))
      table.insert(connection(1))
    }
    await #expect(processExitsWith: .failure) {
      var table = ConnectionTable()
      table.insert(connection(1))
      table[0].held = []
    }
  }
}
