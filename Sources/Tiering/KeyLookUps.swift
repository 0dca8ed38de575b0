import Bytes
import Keyspace
import Platform
import Storage
import Values

/// Finds out which of many keys are on flash, with several reads at a time.
///
/// A key that was overwritten without its old value being read has to be looked up before it can leave RAM. Under a
/// load of such writes that is one read for each record that is spilled: one after the other they take longer than
/// everything else about it.
final class KeyLookUps: Sendable {
    typealias Outcome = Result<Resolution, StorageError>

    /// Reads at a time, the caller's included; more than flash needs to be busy.
    static let most = 8

    private struct State {
        var items: [Unresolved] = []
        var outcomes: [Outcome?] = []
        /// The item that is taken next, and how many have no outcome yet.
        var next = 0
        var left = 0
        var isStopping = false
    }

    private unowned let tier: Tier
    private let state = Monitor(State())
    private let threads = Monitor<[Thread]>([])

    init(tier: Tier) { self.tier = tier }

    /// Starts the threads that help; without them the caller does it all.
    func start(threads count: Int) {
        threads.withLock { threads in
            for _ in 1..<max(1, min(count, Self.most)) { threads.append(Thread(name: "look-up") { [self] in help() }) }
        }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        let ended = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in ended { thread.join() }
    }

    /// Looks all of them up; the outcomes are in their order. `Tier.writing` is held, so that there is one caller at a
    /// time, and an entry with an open count has no write in flight, so what the provider says stays true.
    func run(_ items: [Unresolved]) -> [Outcome] {
        if items.count < 2 || threads.withLock({ $0.isEmpty }) { return items.map(outcome) }
        state.withLock { state in
            state.items = items
            state.outcomes = Array(repeating: nil, count: items.count)
            state.next = 0
            state.left = items.count
        }
        state.wakeAll()
        while work(waits: false) {}
        // What others have taken.
        _ = state.wait { $0.left == 0 ? true : nil }
        return state.withLock { state in
            defer { state.outcomes = [] }
            return state.outcomes.compactMap { $0 }
        }
    }

    private func help() {
        while work(waits: true) {}
    }

    /// Looks up the next one. False if there is none, or (who waits for one) at the end.
    private func work(waits: Bool) -> Bool {
        let taken: (Int, Unresolved)?? = state.wait { state in
            if state.next < state.items.count {
                defer { state.next += 1 }
                return .some((state.next, state.items[state.next]))
            }
            return state.isStopping || !waits ? .some(nil) : nil
        }
        guard let (index, item) = taken ?? nil else { return false }
        let outcome = outcome(item)
        let isLast = state.withLock { state in
            state.outcomes[index] = outcome
            state.left -= 1
            return state.left == 0
        }
        if isLast { state.wakeAll() }
        return true
    }

    private func outcome(_ item: Unresolved) -> Outcome {
        do throws(StorageError) { return .success(try lookUp(item)) } catch { return .failure(error) }
    }

    /// Whether a key is on flash, and what must be known of it.
    private func lookUp(_ item: Unresolved) throws(StorageError) -> Resolution {
        var name = ByteBuffer()
        item.key.withSlice {
            FlashKey.record(generation: item.generation, position: item.position, key: $0, into: &name)
        }
        guard tier.provider.mayContain(name.slice) else { return Resolution(existed: false) }
        do {
            guard case .found(let bytes) = try tier.readUntilServed(name.slice) else {
                return Resolution(existed: false)
            }
            let head = RecordEncoding.head(bytes.slice)
            return Resolution(
                existed: true, expiring: head?.expiry != nil, members: head?.memberExpiry != nil,
                collection: RecordEncoding.pagedCollection(bytes.slice))
        } catch where error.kind == .corruption {
            // The old value is damaged, and has been overwritten or deleted since: that it was there is all that
            // counts.
            return Resolution(existed: true)
        }
    }
}
