import Testing

@testable import GatewayWorker
@testable import SystemIO

private func token(_ number: Int) -> Token {
  Token(slot: UInt32(number), generation: 1)
}

private func channel(_ publications: [(end: Int, excluded: Token?)]) -> Channel {
  let channel = Channel(name: ChannelName(pathSegment: "room")!)
  channel.publications = publications.map { .init(end: $0.end, excluded: $0.excluded) }
  return channel
}

@Suite("A channel's batch")
struct ChannelTests {
  @Test("nothing published, nothing received")
  func empty() {
    #expect(channel([]).ranges(for: token(1)) == [])
  }

  @Test("what goes to everybody is one part")
  func everybody() {
    let channel = channel([(10, nil), (15, nil), (40, nil)])
    #expect(channel.ranges(for: token(1)) == [0..<40])
  }

  @Test("a sender receives everything but its own")
  func excluded() {
    let channel = channel([(10, token(1)), (15, nil), (40, token(2)), (41, token(1)), (50, nil)])
    #expect(channel.ranges(for: token(1)) == [10..<40, 41..<50])
    #expect(channel.ranges(for: token(2)) == [0..<15, 40..<50])
    #expect(channel.ranges(for: token(3)) == [0..<50])
  }

  @Test("who published all of it receives nothing")
  func onlySender() {
    #expect(channel([(10, token(1)), (20, token(1))]).ranges(for: token(1)) == [])
    #expect(channel([(10, token(1))]).ranges(for: token(1)) == [])
  }

  @Test("a sender's own at the beginning, in the middle, at the end")
  func places() {
    #expect(channel([(5, token(1)), (9, nil)]).ranges(for: token(1)) == [5..<9])
    #expect(channel([(5, nil), (7, token(1)), (9, nil)]).ranges(for: token(1)) == [0..<5, 7..<9])
    #expect(channel([(5, nil), (9, token(1))]).ranges(for: token(1)) == [0..<5])
  }

  @Test("a token of the same slot and another time is somebody else")
  func laterToken() {
    let channel = channel([(10, token(1))])
    #expect(channel.ranges(for: Token(slot: 1, generation: 2)) == [0..<10])
  }

  @Test("every member receives just what the others published, in whatever order", arguments: 1...8)
  func random(seed: UInt64) {
    var state = seed
    func random(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
    for _ in 0..<200 {
      var publications: [(end: Int, excluded: Token?)] = []
      var owner: [Token?] = []
      for _ in 0..<random(12) {
        let sender = random(4)
        let excluded = sender == 0 ? nil : token(Int(sender))
        for _ in 0...random(5) { owner.append(excluded) }
        publications.append((owner.count, excluded))
      }
      let channel = channel(publications)
      for member in 1...4 {
        let ranges = channel.ranges(for: token(member))
        let expected = owner.indices.filter { owner[$0] != token(member) }
        #expect(ranges.flatMap(Array.init) == expected)
        // As few parts as can be.
        for (left, right) in zip(ranges, ranges.dropFirst()) {
          #expect(left.upperBound < right.lowerBound)
        }
      }
    }
  }

  @Test("who leaves gives its place to the last")
  func members() {
    let channel = channel([])
    for number in 0..<5 { #expect(channel.join(token(number)) == number) }
    #expect(channel.leave(1) == token(4))
    #expect(channel.members.map(\.token) == [0, 4, 2, 3].map(token))
    #expect(channel.leave(3) == nil)
    #expect(channel.leave(0) == token(2))
    #expect(channel.leave(0) == token(4))
    #expect(channel.leave(0) == nil)
    #expect(channel.members.isEmpty)
  }
}
