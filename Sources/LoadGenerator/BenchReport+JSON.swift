internal import FoundationEssentials

extension BenchReport {
  /// One JSON object over several lines, with sorted keys.
  package func json() -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else {
      // Encoding fails for numbers that are none, which `ratio` doesn't make.
      fatalError("a benchmark report has a number that JSON has not")
    }
    return String(decoding: data, as: UTF8.self)
  }
}
