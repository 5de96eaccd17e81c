import Testing

@testable import LoadGenerator

private func sample(
  _ pid: Int32, started: UInt64 = 0, cpu: UInt64, reaped: UInt64 = 0,
  waiting: [Int32: UInt64] = [:]
) -> ProcessSample {
  ProcessSample(
    identity: ProcessSample.Identity(pid: pid, startTicks: started), name: "server",
    cpuNanoseconds: cpu, reapedNanoseconds: reaped, waitingNanoseconds: waiting)
}

/// The total after each look.
private func totals(_ looks: [[ProcessSample]]) -> [UInt64] {
  var tally = ProcessTally()
  return looks.map {
    tally.add($0)
    return tally.times.cpuNanoseconds
  }
}

@Suite("Adding up a changing set of processes", .timeLimit(.minutes(5)))
struct ProcessTallyTests {
  @Test("the first look is where counting begins")
  func first() {
    #expect(totals([[sample(1, cpu: 100, reaped: 50), sample(2, cpu: 10)]]) == [0])
  }

  @Test("what runs counts with what it has used since, what is new with everything")
  func growth() {
    #expect(
      totals([
        [sample(1, cpu: 100, reaped: 7)],
        [sample(1, cpu: 130, reaped: 7), sample(2, started: 5, cpu: 4)],
        [sample(1, cpu: 131, reaped: 7), sample(2, started: 5, cpu: 5)],
      ]) == [0, 34, 36])
  }

  @Test("a child that ends leaves the rest to its parent, over generations")
  func ended() {
    #expect(
      totals([
        [sample(1, cpu: 0), sample(2, cpu: 100), sample(3, cpu: 1000)],
        // 3 has used 20 more and ended; 2 has waited for it.
        [sample(1, cpu: 0), sample(2, cpu: 105, reaped: 1020)],
        // 2 has used 1 more and ended.
        [sample(1, cpu: 0, reaped: 1126)],
      ]) == [0, 25, 26])
  }

  @Test("a child that nobody waits for takes nothing back")
  func notWaitedFor() {
    #expect(
      totals([
        [sample(1, cpu: 0), sample(2, cpu: 100)],
        [sample(1, cpu: 5), sample(2, cpu: 150)],
        [sample(1, cpu: 6)],
        // Another one, which is waited for, makes up for it first.
        [sample(1, cpu: 6, reaped: 40)],
        [sample(1, cpu: 6, reaped: 160)],
      ]) == [0, 55, 56, 56, 66])
  }

  @Test("a child seen to be gone before its parent is seen to have waited is not counted twice")
  func lateParent() {
    #expect(
      totals([
        [sample(1, cpu: 0), sample(2, cpu: 100)],
        [sample(1, cpu: 0)],
        [sample(1, cpu: 0, reaped: 130)],
      ]) == [0, 0, 30])
  }

  @Test("ticks that are cut off don't make it go back")
  func ticks() {
    #expect(
      totals([
        [sample(1, cpu: 0), sample(2, cpu: 109)],
        [sample(1, cpu: 0, reaped: 100)],
        [sample(1, cpu: 0, reaped: 110)],
      ]) == [0, 0, 1])
  }

  @Test("a number that is used again is another process")
  func reused() {
    var tally = ProcessTally()
    tally.add([sample(1, cpu: 0), sample(2, started: 1, cpu: 1000)])
    tally.add([sample(1, cpu: 0), sample(2, started: 9, cpu: 30)])
    #expect(tally.times.processes.map(\.pid) == [1, 2, 2])
    #expect(tally.times.processes.map(\.cpuNanoseconds) == [0, 0, 30])
    #expect(tally.identities.map(\.startTicks) == [0, 9])
  }

  @Test("threads come and go")
  func threads() {
    var tally = ProcessTally()
    var waiting: [UInt64] = []
    for threads: [Int32: UInt64] in [[1: 5, 2: 70], [1: 6, 2: 70, 3: 4], [1: 7], [1: 7, 2: 3]] {
      tally.add([sample(1, cpu: 0, waiting: threads)])
      waiting.append(tally.times.waitingNanoseconds)
    }
    #expect(waiting == [0, 5, 6, 9])
  }
}

@Suite("What /proc says of a process", .timeLimit(.minutes(5)))
struct ProcessStatusTests {
  private static let rest =
    "1 9 9 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 1 0 4711 1000 2 18446744073709551615"

  @Test(
    "a name may contain anything",
    arguments: ["sh", "", "a b", "a) S 1 (b", ")", "(", "( )"])
  func names(name: String) {
    let status = ProcessStatus("77 (\(name)) S \(Self.rest)\n")
    #expect(status.name == name)
    #expect(!status.hasEnded)
    #expect(status.startTicks == 4711)
    #expect(status.reapedNanoseconds == 15 * 10_000_000)
  }

  @Test("who has ended", arguments: ["Z", "X"])
  func ended(state: String) {
    #expect(ProcessStatus("77 (sh) \(state) \(Self.rest)\n").hasEnded)
  }

  @Test("less text than expected is no figures, not a trap")
  func truncated() {
    let text = "77 (sh) S \(Self.rest)\n"
    for count in 0..<text.count {
      _ = ProcessStatus(String(text.prefix(count)))
      _ = ProcessStatus(String(text.suffix(count)))
    }
    #expect(ProcessStatus("").startTicks == 0)
  }
}
