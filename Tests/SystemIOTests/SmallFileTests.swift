import Glibc
import SystemIO
import Testing

@Suite("Small files and the environment")
struct SmallFileTests {
  @Test("a file is read whole, up to a limit")
  func limit() throws {
    let directory = TemporaryDirectory()
    let path = "\(directory.path)/file"
    // More than is read at once.
    let content = pattern(200_000)
    // SAFETY: Swift passes strings as C strings and the array as its bytes.
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT, 0o600)
    try #require(descriptor >= 0)
    #expect(try SmallFile.read(path, bytesMax: 0) == [])
    #expect(unsafe write(descriptor, content, content.count) == content.count)
    close(descriptor)
    #expect(try SmallFile.read(path, bytesMax: 200_000) == content)
    #expect(try SmallFile.read(path, bytesMax: 300_000) == content)
    #expect(try SmallFile.read(path, bytesMax: 199_999) == nil)
    #expect(try SmallFile.read(path, bytesMax: 0) == nil)
  }

  @Test(
    "what cannot be read",
    arguments: [
      ("/none", ENOENT), ("/tmp", EISDIR), ("/dev/null/x", ENOTDIR), ("", ENOENT),
      ("/dev/null\0", EINVAL),
    ])
  func errors(path: String, code: Int32) {
    #expect { try SmallFile.read(path, bytesMax: 10) } throws: { error in
      (error as? SystemError)?.code == code
    }
  }

  @Test("variables")
  func variables() {
    let variables = ProcessEnvironment.variables()
    // SAFETY: nobody changes the environment, and the text is copied.
    let path = unsafe getenv("PATH").map { unsafe String(cString: $0) }
    #expect(variables["PATH"] == path)
    #expect(!variables.keys.contains { $0.contains("=") })
  }
}
