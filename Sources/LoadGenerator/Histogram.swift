internal import Glibc

/// How often each duration occurred, in fixed memory and with at least three significant
/// digits, in the manner of HdrHistogram.
///
/// Durations are nanoseconds, from 0 to one hour. Those below 2,048 ns have a bucket each;
/// above, every power of two is divided into 1,024 buckets of equal width. A bucket is told by
/// its largest duration, so that a percentile is never too small, and too large by less than
/// 0.1 %. ``count``, ``min``, ``max`` and ``mean`` are exact.
///
/// It takes 262 KiB whatever is recorded; the kernel gives only the pages that are used.
/// For one thread at a time; give each its own and ``merge(_:)`` them in the end. Don't use it
/// where a handful of values is known to be enough: an array is smaller, and exact.
@safe package struct Histogram: ~Copyable, Sendable {
  /// One hour. A longer duration is recorded as this, and counted by ``clampedCount``.
  package static let nanosecondsMax: UInt64 = 3_600_000_000_000

  /// How many durations were recorded.
  package private(set) var count: UInt64 = 0

  /// How many of them were longer than ``nanosecondsMax``.
  package private(set) var clampedCount: UInt64 = 0

  // SAFETY: this value alone has the address, is not copied and writes in its mutating
  // functions only, so whoever may read has no writer beside it, in another thread either.
  @unsafe private nonisolated(unsafe) let buckets: UnsafeMutablePointer<UInt64>
  private var sum: UInt128 = 0
  private var smallest: UInt64 = .max
  private var largest: UInt64 = 0

  package init() {
    guard let memory = unsafe calloc(Self.bucketCount, MemoryLayout<UInt64>.stride) else {
      fatalError("out of memory: \(Self.bucketCount * MemoryLayout<UInt64>.stride) bytes")
    }
    unsafe buckets = memory.bindMemory(to: UInt64.self, capacity: Self.bucketCount)
  }

  deinit {
    unsafe free(buckets)
  }

  /// - Complexity: O(1), a few instructions; one word of memory is touched.
  package mutating func record(_ nanoseconds: UInt64) {
    var value = nanoseconds
    if value > Self.nanosecondsMax {
      value = Self.nanosecondsMax
      clampedCount &+= 1
    }
    count &+= 1
    sum &+= UInt128(value)
    smallest = Swift.min(smallest, value)
    largest = Swift.max(largest, value)
    // SAFETY: no value over the maximum has come here, whose bucket is the last.
    unsafe buckets[Self.bucket(of: value)] &+= 1
  }

  /// Adds all that `other` has recorded.
  ///
  /// - Complexity: O(1), about 33,000 additions.
  package mutating func merge(_ other: borrowing Histogram) {
    if other.count == 0 { return }
    count &+= other.count
    clampedCount &+= other.clampedCount
    sum &+= other.sum
    smallest = Swift.min(smallest, other.smallest)
    largest = Swift.max(largest, other.largest)
    for bucket in Self.bucket(of: other.smallest)...Self.bucket(of: other.largest) {
      // SAFETY: both have `bucketCount` buckets.
      unsafe buckets[bucket] &+= other.buckets[bucket]
    }
  }

  /// The shortest duration, exact; nil when there is none.
  package var min: UInt64? { count == 0 ? nil : smallest }

  /// The longest duration, exact; nil when there is none.
  package var max: UInt64? { count == 0 ? nil : largest }

  /// The arithmetic mean; nil when there is none.
  package var mean: Double? { count == 0 ? nil : Double(sum) / Double(count) }

  /// The smallest duration that at least `percentile` percent of all do not exceed (the nearest
  /// rank), rounded up by less than 0.1 %; nil when there is none.
  ///
  /// A `percentile` below 0 counts as 0, the bucket of the shortest duration; above 100, or no
  /// number, as 100, the longest duration.
  ///
  /// - Complexity: O(1), at most about 33,000 additions.
  package func value(atPercentile percentile: Double) -> UInt64? {
    if count == 0 { return nil }
    let rank = rank(ofPercentile: percentile)
    if rank >= count { return largest }
    var passed: UInt64 = 0
    for bucket in Self.bucket(of: smallest)..<Self.bucket(of: largest) {
      // SAFETY: within the buckets, as those of recorded values are.
      unsafe passed &+= buckets[bucket]
      if passed >= rank { return Self.largestValue(in: bucket) }
    }
    return largest
  }

  /// How many of the recorded durations are at or below the percentile: 1 to `count`.
  private func rank(ofPercentile percentile: Double) -> UInt64 {
    guard percentile < 100 else { return count }
    // The next smaller number, because what decimals like 99.9 are in binary, times the count,
    // may come out just above a whole number and would be rounded up to the next rank.
    let exact = (percentile.nextDown * Double(count) / 100).rounded(.up)
    return exact < 1 ? 1 : Swift.min(UInt64(exact), count)
  }
}

// The layout of the buckets: bucket 0 to 2,047 hold one value each. The values with one bit
// more are shifted right by one, those with two bits more by two, and so on, which leaves
// 1,024 to 2,047; and each such group begins where the one before ends.
extension Histogram {
  private static let exactBits = 11
  private static var groupSize: Int { 1 << (exactBits - 1) }

  static let bucketCount = bucket(of: nanosecondsMax) + 1

  @inline(__always)
  static func bucket(of value: UInt64) -> Int {
    let bits = 64 &- (value | (1 << exactBits - 1)).leadingZeroBitCount
    let shift = bits &- exactBits
    return shift &* groupSize &+ Int(truncatingIfNeeded: value &>> UInt64(shift))
  }

  static func largestValue(in bucket: Int) -> UInt64 {
    let shift = Swift.max(0, bucket / groupSize - 1)
    let leading = bucket - shift * groupSize
    return (UInt64(leading) + 1) << UInt64(shift) - 1
  }
}
