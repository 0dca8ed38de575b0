import Platform
import Synchronization

/// Something that one thread says and others look at.
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isRaised: Bool { value.load(ordering: .acquiring) }
    func raise() { value.store(true, ordering: .releasing) }
}

/// Threads of a test.
final class Threads {
    private let failures: Failures
    private let threads: [Thread]

    private final class Failures: Sendable {
        let all = Mutex<[any Error]>([])
    }

    init(_ bodies: [@Sendable () throws -> Void]) {
        let failures = Failures()
        self.failures = failures
        threads = bodies.map { body in
            Thread(name: "test") {
                do { try body() } catch { failures.all.withLock { $0.append(error) } }
            }
        }
    }

    /// Waits for their ends; throws what one of them has thrown.
    func join() throws {
        for thread in threads { thread.join() }
        if let first = failures.all.withLock({ $0.first }) { throw first }
    }
}
