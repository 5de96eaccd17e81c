// Speed of the inner loops of the protocol cores. Run it alone and built for release:
//
//     swift run -c release CoreBenchmarks
//
// Rates are payload bytes per wall-clock time, the median of several rounds. On a shared machine,
// `--fastest` after the name takes the fastest round of each instead, which is steadier.

import WebSocketCore

private let sizes: [(name: String, bytes: Int)] = [
  ("20 B", 20), ("100 B", 100), ("1 KiB", 1 << 10), ("16 KiB", 1 << 14), ("1 MiB", 1 << 20),
]

private let texts: [(name: String, unit: String)] = [
  ("ASCII", "The quick brown fox jumps over the lazy dog. "),
  ("Cyrillic", "Съешь же ещё этих мягких французских булок, да выпей чаю. "),
  ("CJK", "色は匂へど散りぬるを我が世誰ぞ常ならむ有為の奥山今日越えて"),
  ("emoji", "😀🎉🚀🌍👋🔥💯🙏😂🤔"),
  (
    "chat JSON",
    #"{"event":"message","channel":"room-7","user":{"id":4711,"name":"Zoë Müller"},"#
      + #""text":"see you at 8, das wird schön 🎉","ts":1767225600123},"#
  ),
]

/// Several messages of one length, one behind the other with a gap of three bytes, so that calls
/// see different addresses and alignments.
private struct Messages {
  let size: Int
  let count: Int
  var bytes: [UInt8] = []

  init(_ unit: String, size: Int) {
    self.size = size
    count = size > 1 << 15 ? 1 : 8
    let message = Self.text(unit, size: size)
    for _ in 0..<count {
      bytes += message + [0x20, 0x20, 0x20]
    }
  }

  /// Whole characters of `unit` over and over, filled up with spaces to `size` bytes.
  private static func text(_ unit: String, size: Int) -> [UInt8] {
    var result: [UInt8] = []
    while true {
      for scalar in unit.unicodeScalars {
        let encoded = Array(String(scalar).utf8)
        if result.count + encoded.count > size {
          return result + [UInt8](repeating: 0x20, count: size - result.count)
        }
        result += encoded
      }
    }
  }

  func range(_ call: Int) -> Range<Int> {
    let start = (call & (count - 1)) * (size + 3)
    return start..<(start + size)
  }
}

private let fragmentSize = 100

private func measureMasking() {
  let key = MaskingKey(0x37, 0xFA, 0x21, 0x3D)
  let plainKey: [4 of UInt8] = [0x37, 0xFA, 0x21, 0x3D]
  var table = Table(columns: ["GB/s", "plain loop", "whole", "in fragments of 100 B"])
  for size in sizes {
    let messages = Messages("payload ", size: size.bytes)
    var payload = messages.bytes
    let plain = nanosecondsPerCall { call in
      var span = payload.mutableSpan
      PlainLoop.mask(plainKey, phase: call & 3, to: &span, in: messages.range(call))
      return 1
    }
    let whole = nanosecondsPerCall { call in
      var span = payload.mutableSpan
      applyMask(key, phase: call & 3, to: &span, in: messages.range(call))
      return 1
    }
    let fragments = nanosecondsPerCall { call in
      var span = payload.mutableSpan
      let range = messages.range(call)
      var start = range.lowerBound
      while start < range.upperBound {
        let end = min(start + fragmentSize, range.upperBound)
        applyMask(key, phase: start - range.lowerBound, to: &span, in: start..<end)
        start = end
      }
      return 1
    }
    Sink.add(payload.reduce(0) { $0 &+ Int($1) })
    table.rows.append([
      size.name, rate(bytes: size.bytes, nanoseconds: plain),
      rate(bytes: size.bytes, nanoseconds: whole),
      size.bytes > fragmentSize ? rate(bytes: size.bytes, nanoseconds: fragments) : "",
    ])
  }
  table.print()
}

private func measureValidation() {
  var table = Table(columns: [
    "GB/s", "plain loop", "UTF8Span", "whole", "in fragments of 100 B",
  ])
  for text in texts {
    for size in sizes {
      let messages = Messages(text.unit, size: size.bytes)
      let plain = nanosecondsPerCall { call in
        PlainLoop.isValidUTF8(messages.bytes.span.extracting(messages.range(call))) ? 1 : 0
      }
      let library = nanosecondsPerCall { call in
        let span = messages.bytes.span.extracting(messages.range(call))
        return (try? UTF8Span(validating: span).count) ?? 0
      }
      let whole = nanosecondsPerCall { call in
        isValidUTF8(messages.bytes.span.extracting(messages.range(call))) ? 1 : 0
      }
      let fragments = nanosecondsPerCall { call in
        let range = messages.range(call)
        var validator = UTF8Validator()
        var start = range.lowerBound
        while start < range.upperBound {
          let end = min(start + fragmentSize, range.upperBound)
          if !validator.update(messages.bytes.span.extracting(start..<end)) { return 0 }
          start = end
        }
        return validator.isComplete ? 1 : 0
      }
      table.rows.append([
        "\(text.name), \(size.name)", rate(bytes: size.bytes, nanoseconds: plain),
        rate(bytes: size.bytes, nanoseconds: library), rate(bytes: size.bytes, nanoseconds: whole),
        size.bytes > fragmentSize ? rate(bytes: size.bytes, nanoseconds: fragments) : "",
      ])
    }
  }
  table.print()
}

/// Messages of 1 to 125 bytes in an order that no branch predictor learns.
private func measureShortMessages() {
  var state: UInt64 = 1
  let lengths = (0..<16_384).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return 1 + Int(state >> 33) % 125
  }
  let mean = lengths.reduce(0, +) / lengths.count
  let key = MaskingKey(0x37, 0xFA, 0x21, 0x3D)
  let plainKey: [4 of UInt8] = [0x37, 0xFA, 0x21, 0x3D]
  var table = Table(columns: ["ns per message of 1 to 125 B", "plain loop", "whole"])

  var payload = [UInt8](repeating: 0x61, count: 256)
  let plainMask = nanosecondsPerCall { call in
    var span = payload.mutableSpan
    PlainLoop.mask(plainKey, phase: 0, to: &span, in: 0..<lengths[call & 16_383])
    return 1
  }
  let mask = nanosecondsPerCall { call in
    var span = payload.mutableSpan
    applyMask(key, phase: 0, to: &span, in: 0..<lengths[call & 16_383])
    return 1
  }
  Sink.add(payload.reduce(0) { $0 &+ Int($1) })
  table.rows.append(["unmask", decimal(plainMask, digits: 1), decimal(mask, digits: 1)])

  for text in texts {
    let bytes = Messages(text.unit, size: 256).bytes
    let plain = nanosecondsPerCall { call in
      PlainLoop.isValidUTF8(bytes.span.extracting(0..<lengths[call & 16_383])) ? 1 : 2
    }
    let whole = nanosecondsPerCall { call in
      isValidUTF8(bytes.span.extracting(0..<lengths[call & 16_383])) ? 1 : 2
    }
    table.rows.append([
      "validate " + text.name, decimal(plain, digits: 1), decimal(whole, digits: 1),
    ])
  }
  table.print()
  print("(\(mean) bytes on average)")
}

print("Unmasking (RFC 6455 §5.3)\n")
measureMasking()
print("\nUTF-8 validation (RFC 3629)\n")
measureValidation()
print("\nLengths at random\n")
measureShortMessages()
print("\nchecksum \(Sink.value)")
