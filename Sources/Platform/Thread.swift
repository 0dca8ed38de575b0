import CShims
import Glibc

/// A thread of the operating system. `join` waits for its end.
public final class Thread: @unchecked Sendable {
    // @unchecked: `handle` is written once, in init.
    private let handle: pthread_t

    private final class Start {
        let name: String
        let core: Int?
        let body: @Sendable () -> Void
        init(name: String, core: Int?, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.core = core
            self.body = body
        }
    }

    /// Niceness of threads that yield.
    private static let yieldingNiceness: Int32 = 10

    /// From here on the calling thread gives way to others that want the processor. Where the system refuses it the
    /// thread stays as it is.
    public static func yieldToOthers() { firn_yield_to_others(yieldingNiceness) }

    /// Starts a thread called `name` (15 bytes are kept), pinned to `core` if one is given.
    public init(name: String, core: Int? = nil, _ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(name: name, core: core, body: body))
        var handle = pthread_t()
        let status = pthread_create(
            &handle, nil,
            { argument in
                // The argument is the retained `Start` below, and this thread is its only consumer.
                let start = Unmanaged<Start>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue()
                start.name.withCString { firn_name_thread($0) }
                if let core = start.core { _ = firn_pin_thread(Int32(core)) }
                // The allocator makes a thread's cache (some 30 KiB) at its first allocation: now, rather than in the
                // midst of a job whose memory somebody measures.
                firn_deallocate(firn_allocate(16), 16)
                start.body()
                return nil
            }, start.toOpaque())
        precondition(status == 0, "pthread_create: errno \(status)")
        self.handle = handle
    }

    /// Waits until the thread's body has returned. Once only.
    public func join() { pthread_join(handle, nil) }
}
