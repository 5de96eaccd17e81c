import Glibc
import SystemIO
import Testing

@testable import LoadGenerator

private let tick: UInt64 = 10_000_000

/// Two counts of the same CPU time, one of them in clock ticks.
private func agree(_ one: UInt64, _ other: UInt64) -> Bool {
  max(one, other) - min(one, other) <= 3 * tick
}

/// Field `number` of /proc/PID/stat, in nanoseconds.
private func stat(_ pid: Int32, _ number: Int) throws -> UInt64 {
  let text = try ProcFile.read("/proc/\(pid)/stat")
  let fields = text[text.lastIndex(of: ")")!...].split(separator: " ")
  return try #require(UInt64(fields[number - 2])) * tick
}

@Suite("Figures of processes", .timeLimit(.minutes(5)))
struct ProcessFiguresTests {
  @Test("a process's CPU time counts from the first reading")
  func process() throws {
    let shell = Shell("burn; echo ready; read go; burn; echo done; read go")
    #expect(shell.line() == "ready")
    let before = try stat(shell.pid, 14) + stat(shell.pid, 15)
    var figures = try ProcessFigures(processes: [shell.pid])
    #expect(figures.childrenAreListed)
    shell.go()
    #expect(shell.line() == "done")
    let times = try figures.readTimes()
    #expect(times.processes.map(\.pid) == [shell.pid])
    #expect(times.processes.map(\.name) == ["sh"])
    #expect(times.cpuNanoseconds > 0)
    #expect(agree(times.cpuNanoseconds, try stat(shell.pid, 14) + stat(shell.pid, 15) - before))
    #expect(times.endedChildrenCPUNanoseconds == 0)
    #expect(try figures.readTimes().since(times).cpuNanoseconds < times.cpuNanoseconds)
  }

  @Test("children count, and theirs, and a process that is named twice counts once")
  func children() throws {
    let shell = Shell("(burn; (echo ready; read go; burn; echo done; read go); :); :")
    #expect(shell.line() == "ready")
    var figures = try ProcessFigures(processes: [shell.pid, shell.pid])
    let pids = try figures.readTimes().processes.map(\.pid)
    #expect(pids.count == 3 && pids[0] == shell.pid)
    let grandchild = try #require(pids.last)
    let before = try #require(CPUClock.process(grandchild))
    shell.go()
    #expect(shell.line() == "done")
    let times = try figures.readTimes()
    let after = try #require(CPUClock.process(grandchild))
    #expect(times.processes.map(\.pid) == pids)
    #expect(times.processes[2].cpuNanoseconds > 0)
    #expect(agree(times.processes[2].cpuNanoseconds, after - before))
    #expect(agree(times.cpuNanoseconds, after - before))

    // Named itself, too, and before its parent: nothing changes.
    var both = try ProcessFigures(processes: [grandchild, shell.pid])
    #expect(try Set(both.readTimes().processes.map(\.pid)) == Set(pids))
  }

  @Test("a child that starts between readings counts from its start")
  func newChild() throws {
    let shell = Shell("echo ready; read go; (burn; echo done; read go); :")
    #expect(shell.line() == "ready")
    var figures = try ProcessFigures(processes: [shell.pid])
    shell.go()
    #expect(shell.line() == "done")
    let times = try figures.readTimes()
    let child = try #require(times.processes.last)
    #expect(times.processes.count == 2)
    #expect(agree(child.cpuNanoseconds, try #require(CPUClock.process(child.pid))))
  }

  @Test("of a child that ends, what it used after its last reading comes from its parent")
  func endedChild() throws {
    let shell = Shell("(burn; burn; burn; echo ready; read go; burn); echo done; read go")
    #expect(shell.line() == "ready")
    var figures = try ProcessFigures(processes: [shell.pid])
    let child = try #require(try figures.readTimes().processes.last?.pid)
    let before = try #require(CPUClock.process(child))
    shell.go()
    #expect(shell.line() == "done")
    let times = try figures.readTimes()
    let all = try stat(shell.pid, 16) + stat(shell.pid, 17)
    #expect(times.endedChildrenCPUNanoseconds > 0)
    #expect(agree(times.cpuNanoseconds, all - before))
    #expect(try figures.readTimes().since(times).cpuNanoseconds < tick)
  }

  @Test("a child that starts and ends between readings counts")
  func shortChild() throws {
    let shell = Shell("echo ready; read go; (burn); echo done; read go")
    #expect(shell.line() == "ready")
    var figures = try ProcessFigures(processes: [shell.pid])
    shell.go()
    #expect(shell.line() == "done")
    let times = try figures.readTimes()
    #expect(times.processes.count == 1)
    #expect(times.endedChildrenCPUNanoseconds > 0)
    #expect(times.endedChildrenCPUNanoseconds == (try stat(shell.pid, 16) + stat(shell.pid, 17)))
  }

  @Test("while children come and go, nothing goes back, and in the end all is counted")
  func churn() throws {
    let shell = Shell(
      """
      echo ready; read go
      n=0; while [ $n -lt 150 ]; do n=$((n+1)); (j=0; while [ $j -lt 2000 ]; do j=$((j+1)); done)
      done; echo done; read go
      """)
    #expect(shell.line() == "ready")
    var figures = try ProcessFigures(processes: [shell.pid])
    let before = try #require(CPUClock.process(shell.pid))
    var last = try figures.readTimes()
    shell.go()
    var readings = 0
    while try stat(shell.pid, 16) + stat(shell.pid, 17) < 5 * tick, readings < 100_000 {
      let times = try figures.readTimes()
      #expect(times.endedChildrenCPUNanoseconds >= last.endedChildrenCPUNanoseconds)
      #expect(times.cpuNanoseconds >= last.cpuNanoseconds)
      #expect(times.waitingNanoseconds >= last.waitingNanoseconds)
      let difference = times.since(last)
      #expect(difference.processes.count >= last.processes.count)
      last = times
      readings += 1
    }
    #expect(shell.line() == "done")
    let after = try #require(CPUClock.process(shell.pid))
    let all = try after - before + stat(shell.pid, 16) + stat(shell.pid, 17)
    #expect(agree(try figures.readTimes().cpuNanoseconds, all))
  }

  @Test("a child whose parent ends is still followed")
  func orphan() throws {
    let shell = Shell(
      """
      exec 3<&0
      ( (echo ready; read go; burn; echo done; read go) <&3 & wait )
      echo alone; kill -STOP $$
      """)
    #expect(shell.line() == "ready")
    var figures = try ProcessFigures(processes: [shell.pid])
    let pids = try figures.readTimes().processes.map(\.pid)
    #expect(pids.count == 3)
    kill(pids[1], SIGKILL)
    // The shell reports the end of its child on its error output.
    #expect(shell.line() == "alone")
    shell.go()
    #expect(shell.line() == "done")
    let times = try figures.readTimes()
    #expect(times.processes.map(\.pid) == pids)
    #expect(times.processes[2].cpuNanoseconds > 0)
    #expect(try figures.readMemory().map(\.pid) == [pids[0], pids[2]])
  }

  @Test("waiting for a core is what the kernel counts for the threads")
  func waiting() throws {
    let shell = Shell("echo ready; read go; burn; echo done; read go")
    #expect(shell.line() == "ready")
    func waited() throws -> UInt64 {
      let fields = try ProcFile.read("/proc/\(shell.pid)/schedstat").split(separator: " ")
      return try #require(UInt64(fields[1]))
    }
    let lowest = try waited()
    var figures = try ProcessFigures(processes: [shell.pid])
    let low = try waited()
    shell.go()
    #expect(shell.line() == "done")
    let high = try waited()
    let told = try figures.readTimes().waitingNanoseconds
    let highest = try waited()
    #expect(told >= high - low)
    #expect(told <= highest - lowest)
  }

  @Test("memory is that of the process, shared pages in full and in proportion")
  func memory() throws {
    let shell = Shell(
      "x=$(head -c 30000000 /dev/zero | tr '\\0' x); echo ready; (echo; read go); :")
    #expect(shell.line() == "ready")
    #expect(shell.line() == "")
    let figures = try ProcessFigures(processes: [shell.pid])
    let memory = try figures.readMemory()
    #expect(memory.map(\.name) == ["sh", "sh"])
    #expect(memory[0].pid == shell.pid)
    #expect(memory[0].rssBytes > 30_000_000)
    // The child shares the text with its parent.
    let shares = try memory.map { try #require($0.pssBytes) }
    #expect(shares[0] < memory[0].rssBytes && shares[0] > 10_000_000)
    #expect(shares[0] + shares[1] < memory[0].rssBytes + 10_000_000)

    // What every user may read differs by what the kernel has not added up.
    let resident = try ProcessFigures.residentBytes(of: shell.pid)
    #expect(resident > 29_000_000 && resident < memory[0].rssBytes + 1_000_000)
  }

  @Test("a process that isn't there is an error that names it", arguments: [0, -1, -7, Int32.max])
  func noSuchProcess(pid: Int32) throws {
    let own = getpid()
    let error = #expect(throws: ProcessFiguresError.self) {
      _ = try ProcessFigures(processes: [own, pid])
    }
    #expect(error == .noSuchProcess(pid))
    #expect(error?.description.contains("--server-pid \(pid): there is no such process") == true)
  }

  @Test("a process that ends is an error, before and after its parent has waited for it")
  func ended() throws {
    let shell = Shell("echo ready; read go")
    #expect(shell.line() == "ready")
    var figures = try ProcessFigures(processes: [shell.pid])
    shell.go()
    shell.waitForZombie()
    for zombie in [true, false] {
      if !zombie { shell.wait() }
      var errors: [ProcessFiguresError] = []
      do throws(ProcessFiguresError) { _ = try figures.readTimes() } catch { errors.append(error) }
      do throws(ProcessFiguresError) { _ = try figures.readMemory() } catch { errors.append(error) }
      do throws(ProcessFiguresError) {
        _ = try ProcessFigures(processes: [shell.pid])
      } catch { errors.append(error) }
      #expect(errors == Array(repeating: .noSuchProcess(shell.pid), count: 3))
    }
  }
}
