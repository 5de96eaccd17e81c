import FleetCore
import Testing

private func decodeCoordinator(_ bytes: [UInt8]) throws(ControlMessageError) -> CoordinatorMessage {
  try CoordinatorMessage(decoding: bytes.span)
}

private func decodeWorker(_ bytes: [UInt8]) throws(ControlMessageError) -> WorkerMessage {
  try WorkerMessage(decoding: bytes.span)
}

private func decodeWorker(_ text: String) throws(ControlMessageError) -> WorkerMessage {
  try decodeWorker(Array(text.utf8))
}

@Suite("Control messages")
struct ControlMessageTests {
  private static let allBytes = Array(UInt8.min...UInt8.max)

  static let coordinatorMessages: [CoordinatorMessage] = [
    .configure(body: Array("listen = [\"[::1]:8080\"]\n\n# end".utf8), ticketKeys: []),
    .configure(body: [], ticketKeys: [allBytes, [], [0x0A, 0x20, 0x25]]),
    .start,
    .adopt(SlotID(0)), .release(SlotID(7)), .stopAccepting(SlotID(255)),
    .drain(
      WorkerDrain(
        windowMilliseconds: 0, deadlineMilliseconds: .max, retryHintMilliseconds: 500...500)),
    .cancelDrain, .closeAll,
    .reload(body: allBytes),
    .ticketKeys([[1], [2]]),
    .listConnections(request: .max, limit: 100, after: 0),
    .disconnect(request: 1, .connection(.max), code: 4000),
    .disconnect(request: 2, .address("2001:db8::1"), code: 1008),
    .disconnect(request: 3, .channel("a b%\u{20AC}\n"), code: 1012),
  ]

  static let workerMessages: [WorkerMessage] = [
    .ready,
    .heartbeat(WorkerFigures()),
    .heartbeat(
      WorkerFigures(
        counters: ["messages": .max, "with space": 1, "100 %": 2, "": 3, "a.b": 4],
        gauges: [FigureName.connections: 0, "messages": 5])),
    .queueEmpty(SlotID(3)),
    .drained(WorkerFigures(counters: [FigureName.drainForced: 1])),
    .reloaded(problem: nil), .reloaded(problem: ""), .reloaded(problem: "line 3:\nno such key"),
    .connections(request: 9, body: allBytes, next: nil),
    .connections(request: 9, body: [], next: 17),
    .disconnected(request: 1, count: 0),
    .failed("no such file: “key.pem”"),
  ]

  @Test("what the coordinator sends is what the worker gets", arguments: coordinatorMessages)
  func coordinatorRoundTrip(message: CoordinatorMessage) throws {
    #expect(try decodeCoordinator(message.encoded()) == message)
  }

  @Test("what a worker sends is what the coordinator gets", arguments: workerMessages)
  func workerRoundTrip(message: WorkerMessage) throws {
    #expect(try decodeWorker(message.encoded()) == message)
  }

  @Test("a message can be read by people")
  func text() throws {
    let message = CoordinatorMessage.drain(
      WorkerDrain(
        windowMilliseconds: 8000, deadlineMilliseconds: 8750, retryHintMilliseconds: 500...5000))
    #expect(
      String(decoding: try message.encoded(), as: UTF8.self) == """
        sluice/1 drain
        window_ms 8000
        deadline_ms 8750
        retry_min_ms 500
        retry_max_ms 5000


        """)
  }

  @Test("the same figures make the same packet, whatever the order of a dictionary")
  func stableOrder() throws {
    let names = (0..<50).map { "figure\($0)" }
    let forwards = Dictionary(uniqueKeysWithValues: names.map { ($0, UInt64(1)) })
    let backwards = Dictionary(uniqueKeysWithValues: names.reversed().map { ($0, UInt64(1)) })
    let first = try WorkerMessage.heartbeat(WorkerFigures(counters: forwards)).encoded()
    let second = try WorkerMessage.heartbeat(WorkerFigures(counters: backwards)).encoded()
    #expect(first == second)
  }

  @Test("the next version is read, and keys that it may have are ignored")
  func skew() throws {
    #expect(try decodeWorker("sluice/2 ready\nnew_key 1\n\n") == .ready)
    #expect(
      try decodeWorker("sluice/2 queue-empty\ncolour blue\nslot 4\n\nbody")
        == .queueEmpty(SlotID(4)))
  }

  @Test(
    "what is wrong is told",
    arguments: [
      ("", .malformedLine(1)), ("\n", .malformedLine(1)), ("ready\n\n", .malformedLine(1)),
      ("sluice/1\n\n", .malformedLine(1)), ("sluice/1 \n\n", .malformedLine(1)),
      ("sluice/x ready\n\n", .malformedLine(1)), ("sluice/ ready\n\n", .malformedLine(1)),
      ("sluice/1 ready", .malformedLine(1)), ("sluice/1 ready\n", .malformedLine(2)),
      ("sluice/1 re%ady\n\n", .malformedLine(1)), ("sluice/1 ready \n\n", .malformedLine(1)),
      ("sluice/0 ready\n\n", .unsupportedVersion(0)),
      ("sluice/3 ready\n\n", .unsupportedVersion(3)),
      ("sluice/99999999999999999999 ready\n\n", .malformedLine(1)),
      ("sluice/1 Ready\n\n", .unknownVerb("Ready")),
      ("sluice/1 drain\n\n", .unknownVerb("drain")),
      ("sluice/1 queue-empty\n\n", .missingKey("slot")),
      ("sluice/1 queue-empty\nslot\n\n", .malformedLine(2)),
      ("sluice/1 queue-empty\n slot\n\n", .malformedLine(2)),
      ("sluice/1 queue-empty\nslot 1 2\n\n", .malformedLine(2)),
      ("sluice/1 queue-empty\nslot \n\n", .invalidValue(key: "slot")),
      ("sluice/1 queue-empty\nslot -1\n\n", .invalidValue(key: "slot")),
      ("sluice/1 queue-empty\nslot 256\n\n", .invalidValue(key: "slot")),
      ("sluice/1 queue-empty\nslot 18446744073709551616\n\n", .invalidValue(key: "slot")),
      ("sluice/1 queue-empty\nslot 1\nslot 1\n\n", .duplicateKey("slot")),
      ("sluice/1 queue-empty\nslot 1\nother %zz\n\n", .malformedLine(3)),
      ("sluice/1 queue-empty\nslot 1\nother \u{7F}\n\n", .malformedLine(3)),
      ("sluice/1 failed\nreason %ff\n\n", .invalidValue(key: "reason")),
      ("sluice/1 heartbeat\ncounter.a x\n\n", .invalidValue(key: "counter.a")),
    ] as [(String, ControlMessageError)])
  func errors(text: String, expected: ControlMessageError) {
    #expect(throws: expected) { try decodeWorker(text) }
  }

  @Test("times of a drain that contradict each other are no drain")
  func contradiction() {
    let text = "sluice/1 drain\nwindow_ms 1\ndeadline_ms 1\nretry_min_ms 2\nretry_max_ms 1\n\n"
    #expect(throws: ControlMessageError.invalidValue(key: "retry_max_ms")) {
      try decodeCoordinator(Array(text.utf8))
    }
    #expect(throws: ControlMessageError.invalidValue(key: "code")) {
      try decodeCoordinator(
        Array("sluice/1 disconnect\nrequest 1\nchannel a\ncode 65536\n\n".utf8))
    }
    #expect(throws: ControlMessageError.missingKey("channel")) {
      try decodeCoordinator(Array("sluice/1 disconnect\nrequest 1\ncode 1000\n\n".utf8))
    }
  }

  @Test("a packet has at most 128 KiB")
  func limit() throws {
    let head = "sluice/1 reload\n\n".utf8.count
    let largest = CoordinatorMessage.reload(body: Array(repeating: 0, count: 131_072 - head))
    let packet = try largest.encoded()
    #expect(packet.count == 131_072)
    #expect(try decodeCoordinator(packet) == largest)
    let tooLarge = CoordinatorMessage.reload(body: Array(repeating: 0, count: 131_073 - head))
    #expect(throws: ControlMessageError.tooLong(131_073)) { try tooLarge.encoded() }
    #expect(throws: ControlMessageError.tooLong(131_073)) { try decodeCoordinator(packet + [0]) }
    let verbose = WorkerMessage.failed(String(repeating: " ", count: 50_000))
    #expect(throws: ControlMessageError.self) { try verbose.encoded() }
  }

  @Test("damaged packets are read or refused, and never trap")
  func damage() throws {
    var generator = SeededGenerator(state: 7)
    let packets =
      try Self.coordinatorMessages.map { try $0.encoded() }
      + Self.workerMessages.map { try $0.encoded() }
    for number in 0..<20_000 {
      var bytes = packets[number % packets.count]
      for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
        let index = bytes.indices.randomElement(using: &generator)!
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: bytes.remove(at: index)
        case 2: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
        default: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
        }
      }
      // What is read after all can be written and read again.
      if let message = try? decodeWorker(bytes) {
        #expect(try decodeWorker(message.encoded()) == message)
      }
      if let message = try? decodeCoordinator(bytes) {
        #expect(try decodeCoordinator(message.encoded()) == message)
      }
    }
  }
}
