import Glibc
import Testing

@testable import SystemIO

/// Listeners of one address, by names that stay when the kernel numbers them anew.
private final class Group {
  private final class Slot {
    let listener: Listener
    init(on address: SocketAddress) throws { listener = try Listener(on: address) }
  }

  private var slots: [Slot?] = []
  private let address: SocketAddress

  init(_ count: Int, on address: String = "127.0.0.1:0") throws {
    let first = try Slot(on: SocketAddress(parsing: address))
    self.address = first.listener.address
    slots = [first]
    while slots.count < count { try add() }
  }

  /// Listens once more; its name is the next number.
  func add() throws {
    slots.append(try Slot(on: address))
  }

  func close(_ name: Int) {
    slots[name] = nil
  }

  func steer(to indices: [Int], by name: Int = 0) throws {
    try ReuseportSteering.steer(to: indices, groupOf: slots[name]!.listener)
  }

  func endSteering() throws {
    try ReuseportSteering.end(groupOf: slots[0]!.listener)
  }

  /// Connects so often. The connections are queued, though their clients are gone.
  func connect(_ count: Int) throws {
    for _ in 0..<count { _ = try ClientSocket(to: address) }
  }

  /// How many connections of those are in the queue of each, which are empty then.
  func accept(_ expected: Int) -> [Int] {
    let deadline = MonotonicClock.milliseconds() + 10_000
    var counts = slots.map { _ in 0 }
    while counts.reduce(0, +) < expected, MonotonicClock.milliseconds() < deadline {
      for (name, slot) in slots.enumerated() {
        guard let slot else { continue }
        while case let raw = Glibc.accept(slot.listener.descriptorNumber, nil, nil), raw >= 0 {
          counts[name] += 1
          Glibc.close(raw)
        }
      }
    }
    return counts
  }
}

// The bounds are eight standard deviations away.
@Suite("Steering of connections", .timeLimit(.minutes(5)))
struct ReuseportSteeringTests {
  @Test("new connections go to live slots only, roughly evenly")
  func live() throws {
    let group = try Group(4)
    try group.steer(to: [0, 2])
    try group.connect(400)
    let counts = group.accept(400)
    #expect(counts[0] + counts[2] == 400)
    #expect((120...280).contains(counts[0]), "\(counts)")
    #expect(counts[1] == 0 && counts[3] == 0)
  }

  @Test("all go to a single live slot, whichever listener the program is set on")
  func single() throws {
    let group = try Group(3)
    for name in 0..<3 {
      try group.steer(to: [2], by: name)
      try group.connect(50)
      #expect(group.accept(50) == [0, 0, 50])
    }
  }

  @Test("what is queued stays where it is")
  func queued() throws {
    let group = try Group(2)
    try group.steer(to: [0])
    try group.connect(50)
    try group.steer(to: [1])
    try group.connect(30)
    #expect(group.accept(80) == [50, 30])
  }

  @Test("without steering all get some, before and after")
  func end() throws {
    let group = try Group(4)
    try group.endSteering()
    for _ in 0..<2 {
      try group.connect(400)
      #expect(group.accept(400).allSatisfy { $0 > 0 })
      try group.steer(to: [1])
      try group.connect(20)
      #expect(group.accept(20) == [0, 20, 0, 0])
      try group.endSteering()
    }
  }

  @Test("closing a listener moves the last one into its slot; a new one is the last")
  func moved() throws {
    let group = try Group(4)
    group.close(1)
    try group.steer(to: [1])
    try group.connect(20)
    #expect(group.accept(20) == [0, 0, 0, 20])
    for (index, name) in [(0, 0), (2, 2)] {
      try group.steer(to: [index])
      try group.connect(20)
      #expect(group.accept(20)[name] == 20)
    }
    try group.add()
    try group.steer(to: [3])
    try group.connect(20)
    #expect(group.accept(20) == [0, 0, 0, 0, 20])
    // The last one moves nobody.
    group.close(4)
    try group.steer(to: [2])
    try group.connect(20)
    #expect(group.accept(20) == [0, 0, 20, 0, 0])
    // The program stays when the one that it was set on goes.
    try group.steer(to: [0], by: 3)
    group.close(3)
    try group.connect(20)
    #expect(group.accept(20) == [20, 0, 0, 0, 0])
  }

  @Test("a slot that the group does not have leaves the choice to the kernel")
  func outOfRange() throws {
    let group = try Group(2)
    try group.steer(to: [5])
    try group.connect(200)
    let counts = group.accept(200)
    #expect(counts.allSatisfy { $0 > 0 } && counts.reduce(0, +) == 200)
  }

  @Test("over as many slots as there may be")
  func many() throws {
    let group = try Group(2)
    // 256 entries, every other one of which is the first listener's.
    try group.steer(to: (0..<256).map { $0 % 2 })
    try group.connect(400)
    let counts = group.accept(400)
    #expect((120...280).contains(counts[0]), "\(counts)")
    #expect(counts[0] + counts[1] == 400)
  }

  @Test("no slots, too many, or one out of range are refused, and so is a Unix socket")
  func refused() throws {
    let group = try Group(1)
    for slots in [[], [-1], [256], [Int](repeating: 0, count: 257)] {
      #expect(throws: SystemError("setsockopt", code: EINVAL)) { try group.steer(to: slots) }
    }
    let directory = TemporaryDirectory()
    let listener = try Listener(on: .unix(path: directory.path + "/s"))
    #expect(throws: SystemError("setsockopt", code: EINVAL)) {
      try ReuseportSteering.steer(to: [0], groupOf: listener)
    }
    #expect(throws: SystemError("setsockopt", code: EINVAL)) {
      try ReuseportSteering.end(groupOf: listener)
    }
  }
}
