/// How long one call takes: the median over rounds of about `roundSeconds` each, or the fastest
/// round where the program was started with `--fastest`, for machines that are shared.
///
/// `body` gets the number of the call and returns something that depends on the work; the sum of
/// all that is kept in `Sink`, so that no call can be left out.
func nanosecondsPerCall(
  rounds: Int = 31, roundSeconds: Double = 0.004, _ body: (Int) -> Int
) -> Double {
  let clock = ContinuousClock()
  func seconds(calls: Int) -> Double {
    var total = 0
    let start = clock.now
    for call in 0..<calls {
      total &+= body(call)
    }
    let elapsed = start.duration(to: clock.now)
    Sink.add(total)
    let (seconds, attoseconds) = elapsed.components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }

  var calls = 1
  while true {
    let elapsed = seconds(calls: calls)
    if elapsed >= roundSeconds / 4 {
      calls = max(1, Int(Double(calls) * roundSeconds / elapsed))
      break
    }
    calls *= 2
  }
  let sorted = (0..<rounds).map { _ in seconds(calls: calls) / Double(calls) * 1e9 }.sorted()
  return sorted[CommandLine.arguments.contains("--fastest") ? 0 : rounds / 2]
}

/// Where results go, and from where the last one is printed.
enum Sink {
  nonisolated(unsafe) private static var sum = 0

  @inline(never)
  static func add(_ value: Int) {
    // SAFETY: the program has one thread.
    unsafe sum &+= value
  }

  static var value: Int {
    // SAFETY: the program has one thread.
    unsafe sum
  }
}

/// A table in Markdown; the first column names the row.
struct Table {
  var columns: [String]
  var rows: [[String]] = []

  func print() {
    let widths = columns.indices.map { column in
      ([columns] + rows).map { $0[column].count }.max() ?? 0
    }
    func line(_ cells: [String]) -> String {
      "| "
        + zip(cells, widths).enumerated().map { index, cell in
          let padding = String(repeating: " ", count: cell.1 - cell.0.count)
          return index == 0 ? cell.0 + padding : padding + cell.0
        }.joined(separator: " | ") + " |"
    }
    Swift.print(line(columns))
    let rule = widths.enumerated().map { index, width in
      String(repeating: "-", count: width + 1) + (index == 0 ? "-" : ":")
    }
    Swift.print("|" + rule.joined(separator: "|") + "|")
    for row in rows {
      Swift.print(line(row))
    }
  }
}

/// `value`, which is not negative, with `digits` decimals.
func decimal(_ value: Double, digits: Int) -> String {
  var scale = 1
  for _ in 0..<digits { scale *= 10 }
  let scaled = Int(value * Double(scale) + 0.5)
  guard digits > 0 else { return String(scaled) }
  let fraction = String(scaled % scale)
  return "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
}

/// A rate as GB/s, with the time per call where a call is short.
func rate(bytes: Int, nanoseconds: Double) -> String {
  let speed = Double(bytes) / nanoseconds
  let text = decimal(speed, digits: speed < 10 ? 2 : 1)
  return bytes <= 1024 ? "\(text) (\(decimal(nanoseconds, digits: 1)) ns)" : text
}
