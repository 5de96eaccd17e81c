import Testing

@testable import Configuration

@Suite("Texts that are made of a table")
struct TextTests {
  @Test("help")
  func help() {
    let text = HelpText(Sample.table, overview: "Runs samples.", columns: 70).text
    #expect(
      text == """
        Runs samples.

        USAGE: sample run [options]

        THINGS:
          --buffer-size <size>    The size of a buffer. (default: 4KiB)
          --wait-time <time>      How long to wait. (default: 1500ms)
          --max-things <count>    The most things. (default: 10)
          --max-extras <count>    The most extras. (default: no limit)
          --colour <colour>       Of the shed. (values: red, green, blue;
                                  default: green)
          --name <name>           Who may come. (repeatable; default: nobody)
          --loud                  Say more.

        SECRETS:
          --token <text>          Lets one in. (default: none)
          --token-file <file>     The same, read from this file.
          --api-key <size>        Lets many in. (repeatable; default: none)
          --api-key-file <file>   The same, read from this file.
          --config <file>         A TOML file. (default: none)

        OTHER:
          --version               Show the version.
          -h, --help              Show this help.
        """)
  }

  @Test("reference")
  func reference() {
    let lines = Sample.table.reference.split(separator: "\n").map(String.init)
    #expect(lines[0] == "### Things")
    #expect(lines[1] == "| option | default | values | effect | change |")
    #expect(
      lines[3]
        == "| **`buffer-size`**<br>`--buffer-size SIZE`<br>`SAMPLE_BUFFER_SIZE` | `4KiB` | 16 to "
        + "1MiB | The size of a buffer. And more \\| than that. | live |")
    #expect(
      lines.contains(
        "| **`name`**<br>`--name NAME`<br>`SAMPLE_NAME` | nobody | any; repeatable | Who may come. "
          + "| live while set |"))
    #expect(
      lines.contains(
        "| **`loud`**<br>`--loud`<br>`SAMPLE_LOUD` | `false` | `true`, `false` | Say more. | live |"
      ))
    #expect(
      lines.contains(
        "| **`token`**<br>`--token TEXT`<br>`SAMPLE_TOKEN`<br>or `token-file`, `--token-file FILE`, "
          + "`SAMPLE_TOKEN_FILE` | none | as `…` | Lets one in. | live |"))
    #expect(
      lines.contains(
        "| `--config FILE`<br>`SAMPLE_CONFIG` | none | as `sample.toml` | A TOML file. | restart |")
    )
  }

  @Test("the configuration in force")
  func printed() throws {
    let values = try load(
      Sample.table, ["--name=a\"\\\u{7F}é", "--loud"], environment: ["SAMPLE_MAX_EXTRAS": "3"],
      file: "wait-time = '2m'")
    #expect(
      values.printedTOML == #"""
        # Things
        buffer-size = "4KiB"  # default
        wait-time = "120s"  # sluice.toml:1:13
        max-things = 10  # default
        max-extras = 3  # SAMPLE_MAX_EXTRAS
        colour = "green"  # default
        name = ["a\"\\\u007Fé"]  # --name
        loud = true  # --loud

        # Secrets
        # token is unset  # default: none
        api-key = []  # default: none
        """#)
    let json = values.printedJSON.split(separator: "\n").map(String.init)
    #expect(json.first == "{" && json.last == "}")
    #expect(
      json[2]
        == #"  "wait-time": {"value": "120s", "source": "file", "place": "sluice.toml:1:13", "live": true},"#
    )
    #expect(
      json.contains(
        #"  "name": {"value": ["a\"\\\u007Fé"], "source": "flag", "place": "--name", "live": true},"#
      ))
    #expect(json.contains(#"  "max-things": {"value": 10, "source": "default", "live": false},"#))
    #expect(
      json.contains(
        #"  "loud": {"value": true, "source": "flag", "place": "--loud", "live": true},"#))
  }
}
