import Platform

/// A `LockWord` with an address of its own.
final class WordLock: @unchecked Sendable {
    // @unchecked: the word is atomic, the pointer immutable.
    private let word: UnsafeMutablePointer<LockWord>

    init() {
        word = .allocate(capacity: 1)
        word.initialize(to: LockWord())
    }

    deinit {
        word.deinitialize(count: 1)
        word.deallocate()
    }

    func lock() { word.pointee.lock() }
    func unlock() { word.pointee.unlock() }

    func withLock<R>(_ body: () -> R) -> R {
        lock()
        defer { unlock() }
        return body()
    }
}
