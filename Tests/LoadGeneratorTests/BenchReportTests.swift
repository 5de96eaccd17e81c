import FoundationEssentials
import Testing

@testable import LoadGenerator

private let second: UInt64 = 1_000_000_000

private func latency(_ microseconds: [UInt64], isCorrected: Bool = false) -> LatencyReport? {
  var histogram = Histogram()
  for value in microseconds { histogram.record(value * 1000) }
  return LatencyReport(histogram, isCorrected: isCorrected)
}

/// One process, or one and its child, over two seconds.
private func server(
  busyMilliseconds: [UInt64], waitingMilliseconds: UInt64 = 0, childrenAreListed: Bool = true,
  messages: UInt64? = nil, open: UInt64? = nil
) -> ServerReport {
  var times = ProcessTimes()
  var before: [ProcessMemory] = []
  var after: [ProcessMemory] = []
  for (index, milliseconds) in busyMilliseconds.enumerated() {
    let pid = Int32(4711 + index)
    times.processes.append(
      ProcessTimes.OfProcess(
        pid: pid, name: "sluice", cpuNanoseconds: milliseconds * 1_000_000,
        waitingNanoseconds: waitingMilliseconds * 1_000_000))
    before.append(ProcessMemory(pid: pid, name: "sluice", rssBytes: 10 << 20, pssBytes: 8 << 20))
    after.append(ProcessMemory(pid: pid, name: "sluice", rssBytes: 12 << 20, pssBytes: 9 << 20))
  }
  return ServerReport(
    times: times, memoryBefore: open == nil ? [] : before, memoryAfter: open == nil ? [] : after,
    childrenAreListed: childrenAreListed,
    measure: ServerReport.Measure(
      durationNanoseconds: 2 * second, messages: messages, open: open))
}

private func echo() -> BenchReport {
  var options = BenchOptions(connections: 64, threads: 1)
  options.sizeBytes = 20
  options.kind = "binary"
  options.inFlight = 1
  var connections = ConnectionsReport()
  connections.opened = 64
  var report = BenchReport(
    scenario: .echo, url: "ws://127.0.0.1:8080/echo", options: options,
    durationNanoseconds: 2 * second, connections: connections)
  report.count(messages: 400_000)
  report.latency = latency([250, 260, 270, 12_345])
  report.server = server(busyMilliseconds: [1900], messages: 400_000)
  report.client = ClientReport(
    threadCPUNanoseconds: [second], durationNanoseconds: 2 * second, messages: 400_000)
  return report
}

private func idle() -> BenchReport {
  var connections = ConnectionsReport()
  connections.opened = 9_990
  connections.failed = 10
  connections.lost = 3
  connections.setCauses(["refused": 2, "connect: Connection timed out": 8, "reset": 3])
  connections.handshakeLatency = latency([80, 1_500, 2_500_000])
  var report = BenchReport(
    scenario: .idle, url: "wss://example.org/",
    options: BenchOptions(connections: 10_000, threads: 2),
    durationNanoseconds: 2 * second, connections: connections)
  report.server = server(busyMilliseconds: [3, 1], open: 9_990)
  return report
}

@Suite("The report of a benchmark", .timeLimit(.minutes(5)))
struct BenchReportTests {
  @Test("echo as JSON: keys are sorted and say their units")
  func echoJSON() {
    #expect(
      echo().json() == """
        {
          "bytes_per_second" : 4000000,
          "client" : {
            "busiest_thread_percent" : 50,
            "cpu_us_per_message" : 2.5,
            "threads" : 1
          },
          "connections" : {
            "causes" : [

            ],
            "failed" : 0,
            "lost" : 0,
            "opened" : 64
          },
          "duration_s" : 2,
          "errors" : {
            "duplicated" : 0,
            "lost" : 0,
            "out_of_order" : 0,
            "unsent" : 0,
            "wrong_content" : 0,
            "wrong_kind" : 0,
            "wrong_size" : 0
          },
          "latency_us" : {
            "clamped_count" : 0,
            "corrected_for_coordinated_omission" : false,
            "count" : 4,
            "max" : 12345,
            "mean" : 3281.25,
            "min" : 250,
            "p50" : 260.095,
            "p90" : 12345,
            "p99" : 12345,
            "p99.9" : 12345,
            "p99.99" : 12345
          },
          "messages" : 400000,
          "messages_per_second" : 200000,
          "options" : {
            "connections" : 64,
            "in_flight" : 1,
            "kind" : "binary",
            "size_bytes" : 20,
            "threads" : 1
          },
          "scenario" : "echo",
          "server" : {
            "children_listed" : true,
            "processes" : [
              {
                "busy_percent" : 95,
                "cpu_us_per_message" : 4.75,
                "name" : "sluice",
                "pid" : 4711,
                "waited_percent" : 0
              }
            ],
            "total" : {
              "busy_percent" : 95,
              "cpu_us_per_message" : 4.75,
              "waited_percent" : 0
            }
          },
          "url" : "ws://127.0.0.1:8080/echo",
          "warnings" : [

          ]
        }
        """)
  }

  @Test("what was not measured has no key, and JSON can be read again")
  func roundTrip() throws {
    let reports = [echo(), idle()]
    for report in reports {
      let json = report.json()
      #expect(!json.contains("null"))
      #expect(try JSONDecoder().decode(BenchReport.self, from: Data(json.utf8)) == report)
    }
    #expect(reports[1].json().contains("\"rss_bytes_per_connection\" : 209.9"))
    #expect(reports[1].json().contains("\"pss_bytes_per_connection\" : 209.9"))
    #expect(reports[1].json().contains("\"handshake_latency_us\" : {"))
    #expect(!reports[1].json().contains("per_message"))
  }

  @Test("a benchmark of nothing has no numbers that JSON has not")
  func nothing() {
    var report = BenchReport(
      scenario: .connect, url: "ws://127.0.0.1:9/",
      options: BenchOptions(connections: 0, threads: 0),
      durationNanoseconds: 0, connections: ConnectionsReport())
    report.count(messages: 0)
    report.latency = LatencyReport(Histogram(), isCorrected: true)
    report.client = ClientReport(threadCPUNanoseconds: [], durationNanoseconds: 0, messages: 0)
    report.server = ServerReport(
      times: ProcessTimes(), memoryBefore: [], memoryAfter: [], childrenAreListed: true,
      measure: ServerReport.Measure(durationNanoseconds: 0, messages: 0, opened: 0, open: 0))
    report.appendWarnings()
    #expect(report.json().contains("\"messages\" : 0"))
    #expect(report.latency == nil)
    #expect(report.warnings == [])
    #expect(report.text.contains("0 opened, 0 failed, 0 lost"))
  }

  @Test("echo as text")
  func echoText() {
    #expect(
      echo().text == """
        echo ws://127.0.0.1:8080/echo
        64 connections, 1 thread, 20 B binary, 1 in flight, 2 s

        messages     400,000 in all, 200,000 a second, 3.81 MiB a second

        latency         min     mean    50 %     90 %     99 %   99.9 %  99.99 %      max
                     250 µs  3.28 ms  260 µs  12.3 ms  12.3 ms  12.3 ms  12.3 ms  12.3 ms

        connections  64 opened, 0 failed, 0 lost

        server         CPU/message  busy  waited
          4711 sluice      4.75 µs  95 %     0 %

        client       2.50 µs of CPU per message, busiest thread 50 % busy
        """)
  }

  @Test("idle as text: causes, handshakes and memory, of each process and in total")
  func idleText() {
    #expect(
      idle().text == """
        idle wss://example.org/
        10,000 connections, 2 threads, 2 s

        connections  9,990 opened, 10 failed, 3 lost
                     8 × connect: Connection timed out
                     3 × reset
                     2 × refused

        handshake      min    mean     50 %    90 %    99 %  99.9 %  99.99 %     max
                     80 µs  834 ms  1.50 ms  2.50 s  2.50 s  2.50 s   2.50 s  2.50 s

        server         busy  waited     RSS  /connection     PSS  /connection
          4711 sluice   0 %     0 %  12 MiB        210 B   9 MiB        105 B
          4712 sluice   0 %     0 %  12 MiB        210 B   9 MiB        105 B
          total         0 %     0 %  24 MiB        420 B  18 MiB        210 B
        """)
  }

  @Test("an open-loop broadcast with errors as text")
  func broadcastText() {
    var report = echo()
    report.scenario = .broadcast
    report.options.publishers = 1
    report.options.ratePerSecond = 0.5
    report.options.inFlight = nil
    report.publications = 1
    report.count(messages: 64)
    report.latency = latency([1], isCorrected: true)
    report.errors.lost = 1_234
    report.errors.wrongContent = 1
    report.server = nil
    report.client = nil
    report.warnings = ["beware"]
    #expect(
      report.text == """
        broadcast ws://127.0.0.1:8080/echo
        64 subscribers, 1 publisher, 1 thread, 20 B binary, 0.50 a second, 2 s

        messages     1 in 64 copies, 32 a second, 640 B a second

        latency       min  mean  50 %  90 %  99 %  99.9 %  99.99 %   max
                     1 µs  1 µs  1 µs  1 µs  1 µs    1 µs     1 µs  1 µs
                     from when each message should have been sent

        connections  64 opened, 0 failed, 0 lost

        errors       1 wrong content, 1,234 lost

        warning: beware
        """)
  }

  @Test(
    "numbers for people",
    arguments: [
      (0, "0"), (0.004, "0"), (0.05, "0.05"), (1, "1"), (9.994, "9.99"), (9.996, "10"),
      (12.34, "12.3"), (99.94, "99.9"), (99.96, "100"), (999.5, "1,000"), (1_234_567, "1,234,567"),
      (-3.25, "-3.25"), (1e17, "100,000,000,000,000,000"), (1e300, "1e+300"),
    ] as [(Double, String)])
  func numbers(value: Double, text: String) {
    #expect(FigureText.number(value) == text)
  }

  @Test("units for people")
  func units() {
    let times = [0.85, 999.4, 999.6, 999_400, 999_600, 3_600_000_000]
    #expect(
      times.map(FigureText.time) == ["0.85 µs", "999 µs", "1 ms", "999 ms", "1 s", "3,600 s"])
    let sizes: [Double] = [0, 1023, 1024, -2048, 1_572_864, 3_221_225_472]
    #expect(
      sizes.map(FigureText.bytes) == ["0 B", "1,023 B", "1 KiB", "-2 KiB", "1.50 MiB", "3 GiB"])
  }
}

@Suite("What a benchmark warns of", .timeLimit(.minutes(5)))
struct BenchWarningsTests {
  private func warnings(_ change: (inout BenchReport) -> Void) -> [String] {
    var report = echo()
    change(&report)
    report.appendWarnings()
    return report.warnings
  }

  @Test("nothing, when all is well")
  func none() {
    #expect(warnings { _ in } == [])
  }

  private static let busyClient = ClientReport(
    threadCPUNanoseconds: [second / 10, 2 * second], durationNanoseconds: 2 * second, messages: 1)

  @Test("a client without time left, unless the server had none either")
  func client() {
    #expect(
      warnings {
        $0.client = Self.busyClient
        $0.server = server(busyMilliseconds: [1200, 300])
      } == [
        "the client was the bottleneck: its busiest thread was busy 100 % of the time, the server's"
          + " busiest process 60 %; use more --threads, on cores that the server doesn't use"
      ])
    #expect(warnings { $0.client = Self.busyClient } == [])
    let unknown = warnings {
      $0.client = Self.busyClient
      $0.server = nil
    }
    #expect(unknown.count == 1 && unknown[0].contains("give --server-pid"))
    let oneConnection = warnings {
      $0.client = Self.busyClient
      $0.server = nil
      $0.options.connections = 1
    }
    #expect(oneConnection.count == 1 && !oneConnection[0].contains("--threads"))
  }

  @Test("a rate that was not reached, of messages or publications")
  func rate() {
    #expect(warnings { $0.options.ratePerSecond = 202_000 } == [])
    let missed = warnings { $0.options.ratePerSecond = 210_000 }
    #expect(missed.count == 1)
    #expect(missed[0].hasPrefix("the rate was not reached: 200,000 of 210,000 messages a second"))
    #expect(
      warnings {
        $0.options.ratePerSecond = 1000
        $0.publications = 2000
      } == [])
    #expect(
      warnings {
        $0.options.ratePerSecond = 1000
        $0.publications = 1900
      }.count == 1)
  }

  @Test("a server that had to wait for a core")
  func waiting() {
    let waited = warnings {
      $0.server = server(busyMilliseconds: [1000], waitingMilliseconds: 200)
    }
    #expect(waited.count == 1 && waited[0].contains("no core for 10 % of the time"))
    #expect(
      warnings { $0.server = server(busyMilliseconds: [1000], waitingMilliseconds: 90) } == [])
  }

  @Test("latencies over the end of the scale")
  func clamped() {
    #expect(warnings { $0.latency = latency([3_600_000_000]) } == [])
    let clamped = warnings {
      $0.latency = latency([3_600_000_001])
      $0.connections.handshakeLatency = latency([3_600_000_001])
    }
    #expect(clamped.count == 1 && clamped[0].hasPrefix("2 latencies were over one hour"))
  }

  @Test("memory of few connections, and children that the kernel doesn't tell")
  func memoryAndChildren() {
    var few = idle()
    few.connections.opened = 999
    few.appendWarnings()
    #expect(few.warnings.count == 1 && few.warnings[0].contains("999 connections tell little"))
    var many = idle()
    many.appendWarnings()
    #expect(many.warnings == [])
    let unlisted = warnings {
      $0.server = server(busyMilliseconds: [1000], childrenAreListed: false)
    }
    #expect(unlisted.count == 1 && unlisted[0].contains("--server-pid for each"))
  }
}
