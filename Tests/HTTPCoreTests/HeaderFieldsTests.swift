import HTTPCore
import Testing

@Suite("RFC 9110 §5: fields")
struct HeaderFieldsTests {
  @Test func namesHaveNoCase() {
    let fields: HeaderFields = ["Via": "1", "vIA": "2", "X-Via": "3"]
    #expect(fields.count == 3)
    #expect(fields["VIA"] == "1")
    #expect(fields.values("via") == ["1", "2"])
    #expect(fields.count(of: "via") == 2)
    #expect(fields.contains("x-via"))
    #expect(fields["Vi"] == nil)
    #expect(fields["Via2"] == nil)
    #expect(fields.values("V").isEmpty)
    #expect(fields.map(\.name) == ["Via", "vIA", "X-Via"])
  }

  @Test func noFields() {
    let fields = HeaderFields()
    #expect(fields.isEmpty)
    #expect(fields["a"] == nil)
    #expect(fields.listElements("a").isEmpty)
  }

  @Test(
    arguments: [
      ("a", ["a"]), ("a,b", ["a", "b"]), (" a\t, b c ,", ["a", "b c"]), (",,", []), ("", []),
      ("a;x=\"1,2\", b", ["a;x=\"1,2\"", "b"]), ("\"a\\\",b\",c", ["\"a\\\",b\"", "c"]),
      ("\"a, b", ["\"a, b"]), ("\"a\\", ["\"a\\"]), ("\"a\\\"", ["\"a\\\""]),
    ] as [(String, [String])])
  func lists(_ value: String, _ elements: [String]) {
    #expect(HeaderFields(dictionaryLiteral: ("List", value)).listElements("list") == elements)
  }

  @Test func listsGoOverLines() {
    let fields: HeaderFields = ["L": "a, \"b", "M": "x", "L": "c"]
    #expect(fields.listElements("l") == ["a", "\"b", "c"])
  }

  @Test(arguments: [
    ("upgrade", true), ("keep-alive, Upgrade", true), ("a,UPGRADE,b", true), ("\tupgrade ", true),
    ("upgrades", false), ("up grade", false), ("", false), (",", false), ("\"upgrade\"", false),
    ("\"a, upgrade", true),
  ])
  func tokens(_ value: String, _ isThere: Bool) {
    let fields: HeaderFields = ["Connection": "x", "Connection": value]
    #expect(fields.containsToken("connection", "Upgrade") == isThere)
  }

  @Test func valuesCannotSplitAMessage() {
    var fields = HeaderFields()
    fields.append("A", "b\r\nC: d\u{0}\u{7f}\te")
    #expect(fields["A"] == "b  C: d  \te")
    #expect(fields.count == 1)
    var output: [UInt8] = []
    fields.append(to: &output)
    #expect(output == Array("A: b  C: d  \te\r\n".utf8))
  }

  @Test(arguments: [
    ("", "b"), ("a b", "b"), ("a:", "b"), ("a\r\n", "b"), ("\u{e9}", "b"), ("a", "b\r\nc"),
    ("a", "b\n"), ("a", "\u{0}"), ("a", "\u{7f}"),
  ])
  func outsideFieldsAreChecked(_ name: String, _ value: String) {
    var fields = HeaderFields()
    #expect(throws: HTTPError.self) { try fields.append(validating: name, value) }
    #expect(fields.isEmpty)
  }

  @Test func outsideFieldsAreKept() throws {
    var fields = HeaderFields()
    try fields.append(validating: "a", "b\t\u{e9}")
    fields.append(contentsOf: ["c": "d"])
    #expect(fields.description == "a: b\t\u{e9}\nc: d")
  }

  @Test func parsedFieldsCanBeAddedTo() throws {
    var fields = try parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n").headers
    fields.append("B", "c")
    #expect(fields.description == "Host: a\nB: c")
  }

  @Test func namesOfOursMustBeTokens() async {
    await #expect(processExitsWith: .failure) {
      var fields = HeaderFields()
      fields.append("a b", "c")
    }
  }
}
