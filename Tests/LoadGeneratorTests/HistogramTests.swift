import Glibc
import Testing

@testable import LoadGenerator

/// Durations in nanoseconds as they occur, and as they don't.
enum Distribution: CaseIterable {
  case constant, exact, uniform, exponential, longTail, twoPeaks, everyMagnitude

  func sample(_ generator: inout SeededGenerator) -> UInt64 {
    let unit = Double.random(in: 0..<1, using: &generator)
    return switch self {
    case .constant: 123_457
    case .exact: UInt64.random(in: 0..<2048, using: &generator)
    case .uniform: UInt64.random(in: 1...5_000_000, using: &generator)
    case .exponential: UInt64(-log(1 - unit) * 80_000)
    case .longTail: UInt64(min(20_000 / pow(1 - unit, 1.2), 3e12))
    case .twoPeaks: UInt64(unit < 0.95 ? 40_000 + unit * 1000 : 8e6 + unit * 1e6)
    case .everyMagnitude: UInt64(exp(unit * log(3.6e12)))
    }
  }
}

@Suite("The histogram", .timeLimit(.minutes(5)))
struct HistogramTests {
  private static let percentiles = [0.001, 1, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 99.999]

  /// The nearest rank, computed with whole numbers: percentiles have at most three decimals.
  private static func exact(_ percentile: Double, of sorted: [UInt64]) -> UInt64 {
    let thousandths = Int((percentile * 1000).rounded())
    let rank = (thousandths * sorted.count + 99_999) / 100_000
    return sorted[max(rank, 1) - 1]
  }

  @Test("percentiles are those of the sorted data within 0.1 %", arguments: Distribution.allCases)
  func percentiles(distribution: Distribution) throws {
    for count in [1, 2, 10, 999, 1000, 100_000] {
      var generator = SeededGenerator(state: UInt64(count))
      var histogram = Histogram()
      var values = (0..<count).map { _ in distribution.sample(&generator) }
      for value in values { histogram.record(value) }
      values.sort()

      for percentile in Self.percentiles {
        let exact = Self.exact(percentile, of: values)
        let value = histogram.value(atPercentile: percentile)
        let told = try #require(value)
        #expect(told >= exact, "\(percentile) of \(count)")
        #expect(Double(told) <= Double(exact) * 1.001, "\(percentile) of \(count)")
        if exact < 2048 { #expect(told == exact) }
      }
      let (recorded, clamped) = (histogram.count, histogram.clampedCount)
      #expect(recorded == UInt64(count))
      #expect(clamped == 0)
      let (min, max, meanOfAll) = (histogram.min, histogram.max, histogram.mean)
      #expect(min == values.first)
      #expect(max == values.last)
      let mean = try #require(meanOfAll)
      let exactMean = values.reduce(0) { $0 + Double($1) } / Double(count)
      #expect(abs(mean - exactMean) <= exactMean * 1e-9)
    }
  }

  @Test("every bucket begins after the one before, and no value leaves its bucket by 0.1 %")
  func buckets() {
    #expect(Histogram.bucket(of: 0) == 0)
    var first: UInt64 = 0
    for bucket in 0..<Histogram.bucketCount {
      let last = Histogram.largestValue(in: bucket)
      #expect(Histogram.bucket(of: first) == bucket)
      #expect(Histogram.bucket(of: last) == bucket)
      #expect((last - first) * 1000 <= first)
      first = last + 1
    }
    #expect(first > Histogram.nanosecondsMax)
  }

  @Test("nothing is known without values")
  func empty() {
    var histogram = Histogram()
    let others = Histogram()
    histogram.merge(others)
    let (count, min, max) = (histogram.count, histogram.min, histogram.max)
    let (mean, median) = (histogram.mean, histogram.value(atPercentile: 50))
    #expect(count == 0)
    #expect(min == nil && max == nil && mean == nil && median == nil)
  }

  @Test(
    "what is over an hour counts as an hour, and is told",
    arguments: [3_600_000_000_001, UInt64.max])
  func clamped(value: UInt64) {
    var histogram = Histogram()
    histogram.record(Histogram.nanosecondsMax)
    let within = histogram.clampedCount
    #expect(within == 0)
    histogram.record(value)
    let (clamped, max) = (histogram.clampedCount, histogram.max)
    #expect(clamped == 1)
    #expect(max == Histogram.nanosecondsMax)
    // The sum of many such values has more than 64 bits.
    for _ in 0..<6_000_000 { histogram.record(value) }
    let (mean, median) = (histogram.mean, histogram.value(atPercentile: 50))
    #expect(mean == Double(Histogram.nanosecondsMax))
    #expect(median == Histogram.nanosecondsMax)
  }

  @Test("percentiles out of range are the nearest that there is")
  func strangePercentiles() {
    var histogram = Histogram()
    for value: UInt64 in [5, 6, 1_000_001] { histogram.record(value) }
    let told = [-1, -.infinity, 0, 100, 101, .infinity, .nan].map {
      histogram.value(atPercentile: $0)
    }
    #expect(told == [5, 5, 5, 1_000_001, 1_000_001, 1_000_001, 1_000_001])
  }

  @Test("merged parts are the whole", arguments: Distribution.allCases)
  func merge(distribution: Distribution) {
    var generator = SeededGenerator(state: 7)
    var whole = Histogram()
    var merged = Histogram()
    for count in [3000, 0, 1, 20_000] {
      var part = Histogram()
      for _ in 0..<count {
        let value = distribution.sample(&generator)
        whole.record(value)
        part.record(value)
      }
      part.record(.max)
      whole.record(.max)
      merged.merge(part)
    }
    let expected = Self.percentiles.map { whole.value(atPercentile: $0) }
    let told = Self.percentiles.map { merged.value(atPercentile: $0) }
    #expect(told == expected)
    let summary = [merged.count, merged.clampedCount, merged.min, merged.max]
    let expectedSummary = [whole.count, whole.clampedCount, whole.min, whole.max]
    #expect(summary == expectedSummary)
    let (mean, expectedMean) = (merged.mean, whole.mean)
    #expect(mean == expectedMean)
  }
}
