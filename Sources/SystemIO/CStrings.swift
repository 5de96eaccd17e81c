internal import Glibc

/// Strings as execve(2) takes them: an array of pointers that a null pointer ends.
@safe struct CStrings: ~Copyable {
  /// Valid while this value lives.
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  /// - Throws: EINVAL when there is a zero byte in a string: it would end there unseen.
  init(_ strings: [String]) throws(SystemError) {
    guard strings.allSatisfy({ !$0.utf8.contains(0) }) else {
      throw SystemError("execve", code: EINVAL)
    }
    count = strings.count
    // SAFETY: one place for each string and one for the end; freed in `deinit`.
    unsafe pointers = .allocate(capacity: count + 1)
    for index in strings.indices {
      // SAFETY: Swift passes the string as a C string, of which strdup makes a copy.
      unsafe (pointers + index).initialize(to: strdup(strings[index])!)
    }
    unsafe (pointers + count).initialize(to: nil)
  }

  /// `NAME=value` of each variable.
  init(environment: [String: String]) throws(SystemError) {
    try self.init(environment.map { "\($0.key)=\($0.value)" })
  }

  deinit {
    for index in 0..<count { unsafe free(pointers[index]) }
    unsafe pointers.deallocate()
  }
}
