/// The name that was probably meant; nil when none is near. Case, and what parts words, do not
/// count.
func nearestName(to wrong: String, among names: [String]) -> String? {
  let lengthMax = 64
  guard wrong.utf8.count <= lengthMax else { return nil }
  let wanted = words(wrong)
  if wanted.isEmpty { return nil }
  // A third of the letters may be wrong.
  var best = (distance: max(1, wanted.count / 3) + 1, name: String?.none)
  for name in names {
    let distance = editDistance(wanted, words(name))
    if distance < best.distance { best = (distance, name) }
  }
  if let name = best.name { return name }
  // Or it was cut short, or its first words were left out.
  guard wanted.count >= 4 else { return nil }
  let holding = names.filter { name in
    let name = words(name)
    return name.starts(with: wanted) || name.reversed().starts(with: wanted.reversed())
  }
  return holding.count == 1 ? holding[0] : nil
}

private func words(_ name: String) -> [UInt8] {
  name.lowercased().utf8.map { byte in
    byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") ? UInt8(ascii: "-") : byte
  }
}

/// How many letters must be inserted, removed, replaced or exchanged with their neighbour
/// (optimal string alignment).
func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var beforePrevious: [Int] = []
  var previous = Array(0...right.count)
  for (row, letter) in left.enumerated() {
    var current = [row + 1]
    for (column, other) in right.enumerated() {
      var distance = min(
        previous[column + 1] + 1, current[column] + 1, previous[column] + (letter == other ? 0 : 1))
      if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
        distance = min(distance, beforePrevious[column - 1] + 1)
      }
      current.append(distance)
    }
    (beforePrevious, previous) = (previous, current)
  }
  return previous[right.count]
}
