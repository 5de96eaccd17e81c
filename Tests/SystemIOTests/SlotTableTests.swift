import Testing

@testable import SystemIO

/// Something that cannot be copied, and whose end can be seen.
private struct Entry: ~Copyable {
  let number: Int
  var bytes: [UInt8] = []
  var part: Part? = nil

  final class Part {}
}

@Suite("The table by slots")
struct SlotTableTests {
  @Test("holds elements at their slots, in any order of coming and going")
  func comingAndGoing() {
    var table = SlotTable<Entry>()
    var expected: [Int: Int] = [:]
    for slot in [0, 255, 256, 3, 1000, 257, 511, 512] {
      table.insert(Entry(number: slot), at: slot)
      expected[slot] = slot
      let count = table.count
      #expect(count == expected.count)
    }
    for slot in [255, 1000, 0] {
      table.remove(slot)
      expected[slot] = nil
    }
    table.insert(Entry(number: -255), at: 255)
    expected[255] = -255
    let count = table.count
    let slots = table.slots()
    #expect(count == expected.count)
    #expect(slots == expected.keys.sorted())
    for slot in 0..<2000 {
      let isThere = table.contains(slot)
      #expect(isThere == (expected[slot] != nil))
    }
    for (slot, number) in expected {
      let found = table[slot].number
      #expect(found == number)
    }
  }

  @Test("an empty one holds nothing")
  func empty() {
    let table = SlotTable<Entry>()
    let isThere = table.contains(0) || table.contains(100_000)
    let slots = table.slots()
    let count = table.count
    #expect(!isThere && slots.isEmpty && count == 0)
  }

  @Test("elements are changed where they lie")
  func changes() {
    var table = SlotTable<Entry>()
    for slot in 0..<600 { table.insert(Entry(number: slot), at: slot) }
    for slot in 0..<600 where slot % 3 == 0 { table[slot].bytes.append(UInt8(slot % 251)) }
    for slot in 0..<600 {
      let bytes = table[slot].bytes
      let number = table[slot].number
      #expect(bytes == (slot % 3 == 0 ? [UInt8(slot % 251)] : []))
      #expect(number == slot)
    }
  }

  @Test("elements end when they are removed, and with the table")
  func release() {
    weak var removed: Entry.Part?
    weak var left: Entry.Part?
    do {
      var table = SlotTable<Entry>()
      table.insert(Entry(number: 7, part: Entry.Part()), at: 7)
      table.insert(Entry(number: 300, part: Entry.Part()), at: 300)
      removed = table[7].part
      left = table[300].part
      #expect(removed != nil && left != nil)
      table.remove(7)
      #expect(removed == nil && left != nil)
      // Used here, so that the table lives until now.
      let count = table.count
      #expect(count == 1)
    }
    #expect(left == nil)
  }

  @Test("a slot that is not taken, or taken twice, is our own mistake, and traps")
  func vacantSlot() async {
    await #expect(processExitsWith: .failure) {
      var table = SlotTable<Entry>()
      table.insert(Entry(number: 1), at: 1)
      table.remove(2)
    }
    await #expect(processExitsWith: .failure) {
      var table = SlotTable<Entry>()
      table.insert(Entry(number: 1), at: 1)
      table.insert(Entry(number: 1), at: 1)
    }
    await #expect(processExitsWith: .failure) {
      var table = SlotTable<Entry>()
      table.insert(Entry(number: 1), at: 1)
      table[0].bytes = []
    }
  }
}
