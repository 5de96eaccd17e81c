import Configuration
import Testing

@Suite("Quantities with units")
struct QuantitiesTests {
  @Test(
    "sizes",
    arguments: [
      ("0", 0), ("1", 1), ("65536", 65_536), ("10b", 10), ("1k", 1024), ("64KiB", 65_536),
      ("64kib", 65_536), ("64K", 65_536), ("1MiB", 1_048_576), ("2m", 2_097_152),
      ("1GiB", 1_073_741_824), ("3G", 3_221_225_472), ("9223372036854775807", .max), ("007", 7),
    ])
  func sizes(text: String, bytes: Int) {
    #expect(ByteSize(parsing: text)?.bytes == bytes)
  }

  @Test(
    "what is no size",
    arguments: [
      "", " ", "KiB", "-1", "+1", "1.5MiB", "1 KiB", "1KiB ", " 1", "1TiB", "1KB", "1MB", "0x10",
      "1e3", "٣", "１", "9223372036854775808", "9223372036854775807k", "8589934592GiB", "1kk",
      "1,000",
    ])
  func noSizes(text: String) {
    #expect(ByteSize(parsing: text) == nil)
  }

  @Test(
    "sizes are printed in their largest whole unit, and read back",
    arguments: [
      (0, "0"), (1, "1"), (1023, "1023"), (1024, "1KiB"), (1025, "1025"), (65_536, "64KiB"),
      (1_048_576, "1MiB"), (1_572_864, "1536KiB"), (1_073_741_824, "1GiB"),
    ])
  func printedSizes(bytes: Int, text: String) {
    #expect("\(ByteSize(bytes))" == text)
    #expect(ByteSize(parsing: text)?.bytes == bytes)
  }

  @Test(
    "lengths of time",
    arguments: [
      ("0", 0), ("0s", 0), ("0.0", 0), ("500ms", 500), ("9s", 9_000), ("1.5s", 1_500),
      ("0.25s", 250), (".5s", 500), ("2m", 120_000), ("2min", 120_000), ("1h", 3_600_000),
      ("0.5h", 1_800_000), ("24h", 86_400_000), ("86400s", 86_400_000), ("1.4ms", 1),
      ("0.0005s", 1), ("0.1s", 100),
    ] as [(String, UInt64)])
  func spans(text: String, milliseconds: UInt64) {
    #expect(TimeSpan(parsing: text)?.milliseconds == milliseconds)
  }

  @Test(
    "what is no length of time",
    arguments: [
      "", "s", "1", "60", "-1s", "+1s", "1 s", "1s ", " 1s", "1S", "1H", "1d", "1e3s", "1.2.3s",
      "..s", ".s", "nan", "inf", "infs", "25h", "86400001ms", "1441m", "٣s",
      String(repeating: "9", count: 400) + "s",
    ])
  func noSpans(text: String) {
    #expect(TimeSpan(parsing: text) == nil)
  }

  @Test(
    "lengths of time are printed in seconds where they are whole, and read back",
    arguments: [
      (0, "0s"), (1, "1ms"), (999, "999ms"), (1_000, "1s"), (1_500, "1500ms"), (25_000, "25s"),
      (86_400_000, "86400s"),
    ] as [(UInt64, String)])
  func printedSpans(milliseconds: UInt64, text: String) {
    #expect("\(TimeSpan(milliseconds: milliseconds))" == text)
    #expect(TimeSpan(parsing: text)?.milliseconds == milliseconds)
  }
}
