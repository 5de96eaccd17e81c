import HTTPCore

// PROXY protocol headers: the same whatever the pieces, within the limits, and the same again when
// the addresses found are written as a version 1 line.

private struct Outcome: Equatable {
  var consumed = 0
  var header: ProxyHeader?
  var error: ProxyHeaderError?
}

func fuzz(_ input: inout FuzzInput) {
  let bytesMax = 16 + 8 * Int(input.choice())
  let seed = input.choice()
  let whole = expectSameForEveryCut(of: input.rest, seed: seed) { parse($0, bytesMax) }
  guard let header = whole.header else { return }
  expect(whole.consumed <= max(107, bytesMax), "header of \(whole.consumed) bytes")

  // What follows is not looked at.
  let alone = Array(input.rest.prefix(whole.consumed))
  expect(parse([alone], bytesMax) == whole, "depends on what follows")
  expect(parse([Array(alone.dropLast())], bytesMax).header == nil, "complete too early")

  if alone[0] == 0x0D {
    checkBlock(alone, header)
  } else {
    expect(alone.suffix(2) == [0x0D, 0x0A], "no line end")
  }

  guard case .internet(let source, let destination) = header else { return }
  guard source.address.isIPv4 == destination.address.isIPv4 else { return }
  let family = source.address.isIPv4 ? "TCP4" : "TCP6"
  let line =
    "PROXY \(family) \(source.address) \(destination.address) \(source.port) \(destination.port)\r\n"
  let again = parse([Array(line.utf8)], bytesMax)
  expect(again.header == header && again.consumed == line.utf8.count, "written as \(line)")
}

/// That a version 2 header is as long as it says, and its entries end where it ends.
private func checkBlock(_ block: [UInt8], _ header: ProxyHeader) {
  expect(16 + Int(block[14]) * 256 + Int(block[15]) == block.count, "another length")
  var rest: ArraySlice<UInt8>
  switch header {
  case .local, .unknown: return
  case .internet: rest = block.dropFirst(block[13] >> 4 == 1 ? 28 : 52)
  case .unix: rest = block.dropFirst(232)
  }
  while !rest.isEmpty {
    let entry = Array(rest)
    expect(entry.count >= 3, "a cut off entry")
    let count = 3 + Int(entry[1]) * 256 + Int(entry[2])
    expect(count <= entry.count, "an entry over the end")
    rest = rest.dropFirst(count)
  }
}

private func parse(_ pieces: [[UInt8]], _ bytesMax: Int) -> Outcome {
  var parser = ProxyHeaderParser(bytesMax: bytesMax)
  var outcome = Outcome()
  for piece in pieces {
    do throws(ProxyHeaderError) {
      let (consumed, header) = try parser.parse(piece.span)
      expect(consumed == piece.count || header != nil, "stops without a header")
      outcome.consumed += consumed
      outcome.header = header
      if header != nil { return outcome }
    } catch {
      return Outcome(error: error)
    }
  }
  return outcome
}
