/// What is still to happen, by time; what is due at the same time, in the order of insertion.
/// A binary heap.
struct EventQueue<Event> {
  private struct Entry {
    var time: UInt64
    let number: UInt64
    let event: Event

    func isBefore(_ other: Entry) -> Bool {
      (time, number) < (other.time, other.number)
    }
  }

  private var entries: [Entry] = []
  private var nextNumber: UInt64 = 0

  mutating func insert(_ event: Event, at time: UInt64) {
    entries.append(Entry(time: time, number: nextNumber, event: event))
    nextNumber += 1
    var child = entries.count - 1
    while child > 0, entries[child].isBefore(entries[(child - 1) / 2]) {
      entries.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func removeFirst() -> (time: UInt64, event: Event)? {
    guard let first = entries.first else { return nil }
    entries.swapAt(0, entries.count - 1)
    entries.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < entries.count && entries[child].isBefore(entries[least]) {
        least = child
      }
      if least == parent { break }
      entries.swapAt(parent, least)
      parent = least
    }
    return (first.time, first.event)
  }

  /// The world stood still.
  mutating func postponeAll(by milliseconds: UInt64) {
    for index in entries.indices { entries[index].time += milliseconds }
  }
}
