/// One deadline per slot, for any number of slots: a hashed timing wheel
/// (Varghese and Lauck, scheme 6). Setting, moving and cancelling take constant
/// time; a tick costs as many steps as its bucket has entries. 12 bytes a slot.
///
/// Pure: time comes in as milliseconds of any monotonic clock. A timer fires at
/// the end of the tick its deadline lies in: never early, at most
/// ``tickMilliseconds`` late.
package struct TimerWheel {
  package static let tickMilliseconds: UInt64 = 64
  private static let bucketCount = 1024
  private static let none = UInt32.max
  /// The counter stops here, after 8 years, and no timer fires any more.
  private static let ticksMax = UInt64(UInt32.max - 2)

  private struct Entry {
    var next = TimerWheel.none
    var previous = TimerWheel.none
    /// The tick to fire in, counted from `origin`; 0: not set.
    var tick: UInt32 = 0
  }

  private let origin: UInt64
  /// The last tick that was fired.
  private var currentTick: UInt32 = 0
  private var buckets = [UInt32](repeating: TimerWheel.none, count: TimerWheel.bucketCount)
  /// A bit for each bucket that is not empty.
  private var occupied = InlineArray<16, UInt64>(repeating: 0)
  private var entries: [Entry] = []
  private var setCount = 0
  // The bucket of the next tick is being gone through, up to `cursor`.
  private var isScanning = false
  private var cursor = TimerWheel.none

  package init(now: UInt64) {
    origin = now
  }

  /// Sets the slot's timer, or moves it. A delay beyond what a tick counter
  /// holds (8 years) is cut to that.
  package mutating func set(_ slot: Int, at deadline: UInt64) {
    while entries.count <= slot { entries.append(Entry()) }
    if entries[slot].tick != 0 { unlink(slot) }
    let elapsed = deadline > origin ? deadline - origin : 0
    let tick = min(elapsed / Self.tickMilliseconds + 1, UInt64(UInt32.max))
    // The bucket that is being gone through takes nothing new.
    link(slot, tick: max(UInt32(tick), currentTick + (isScanning ? 2 : 1)))
  }

  package mutating func cancel(_ slot: Int) {
    if slot < entries.count && entries[slot].tick != 0 { unlink(slot) }
  }

  /// Milliseconds from `now` until ``expired(now:)`` should be asked again; nil
  /// when no timer is set. It may be early, when the next bucket holds only
  /// timers of later rounds.
  package func delay(from now: UInt64) -> UInt64? {
    if setCount == 0 { return nil }
    let next = Int(currentTick + 1) & (Self.bucketCount - 1)
    let bucket = firstOccupied(from: next)
    let ahead = (bucket - next) & (Self.bucketCount - 1)
    let due = origin + (UInt64(currentTick) + 1 + UInt64(ahead)) * Self.tickMilliseconds
    return due > now ? due - now : 0
  }

  /// The first bucket at or after `start`, around the wheel, that is not empty;
  /// there is one.
  private func firstOccupied(from start: Int) -> Int {
    var word = start / 64
    var bits = occupied[word] & (UInt64.max << UInt64(start % 64))
    while bits == 0 {
      word = (word + 1) % 16
      bits = occupied[word]
    }
    return word * 64 + bits.trailingZeroBitCount
  }

  /// A slot whose timer has expired, which is thereby unset; nil when there is
  /// no more. Timers may be set and cancelled between the calls.
  package mutating func expired(now: UInt64) -> Int? {
    let elapsed = now > origin ? now - origin : 0
    let target = UInt32(min(elapsed / Self.tickMilliseconds, Self.ticksMax))
    while currentTick < target {
      if !isScanning {
        if setCount == 0 {
          currentTick = target
          return nil
        }
        isScanning = true
        cursor = buckets[Int(currentTick + 1) & (Self.bucketCount - 1)]
      }
      while cursor != Self.none {
        let slot = Int(cursor)
        cursor = entries[slot].next
        if entries[slot].tick <= currentTick + 1 {
          unlink(slot)
          return slot
        }
      }
      isScanning = false
      currentTick += 1
    }
    return nil
  }

  private mutating func link(_ slot: Int, tick: UInt32) {
    let bucket = Int(tick) & (Self.bucketCount - 1)
    let first = buckets[bucket]
    entries[slot] = Entry(next: first, previous: Self.none, tick: tick)
    if first != Self.none { entries[Int(first)].previous = UInt32(slot) }
    buckets[bucket] = UInt32(slot)
    occupied[bucket / 64] |= 1 << UInt64(bucket % 64)
    setCount += 1
  }

  private mutating func unlink(_ slot: Int) {
    let entry = entries[slot]
    if cursor == UInt32(slot) { cursor = entry.next }
    if entry.previous == Self.none {
      let bucket = Int(entry.tick) & (Self.bucketCount - 1)
      buckets[bucket] = entry.next
      if entry.next == Self.none { occupied[bucket / 64] &= ~(1 << UInt64(bucket % 64)) }
    } else {
      entries[Int(entry.previous)].next = entry.next
    }
    if entry.next != Self.none { entries[Int(entry.next)].previous = entry.previous }
    entries[slot] = Entry()
    setCount -= 1
  }
}
