import Bytes
import Configuration
import Keyspace
import Persistence
import Platform
import Tiering

// The list of hot keys: written beside the seal, read in again after the next start. All of it is a hint: nothing that
// goes wrong with it keeps the server from ending or starting.
extension ServerCore {
    /// How long SHUTDOWN looks for hot keys at most; what it has found by then makes the list. A walk takes a tenth of
    /// a microsecond a record, more where all of them miss the processor's caches.
    private static let noteNanoseconds: Int64 = 2_000_000_000

    /// Begins to read in what was hot, if there is a list and it is wanted.
    func warmUp(_ settings: Settings) {
        guard let tier, let directory, settings.flash.warmUpKeys > 0 else { return }
        let seed = (store.placement.hash.k0, store.placement.hash.k1)
        tier.warmUp.start(mode: accessMode.withLock { $0 }, log: log) { try directory.warmUpList(seed: seed) }
    }

    /// Writes the list, with all clients paused; without one if none is wanted or it can't be written.
    func noteHotKeys(_ tier: Tier, _ directory: DataDirectory, seed: (UInt64, UInt64)) {
        let most = configuration.current.flash.warmUpKeys
        do {
            guard most > 0 else { return try directory.removeWarmUpList() }
            let begun = Clock.monotonicNanoseconds()
            let deadline = begun + Self.noteNanoseconds
            var isWhole = true
            let keys = try directory.writeWarmUpList(seed: seed) { writer in
                var walk = HotKeyWalk(
                    store: store, mode: accessMode.withLock { $0 }, now: Clock.unixMilliseconds())
                isWhole = try walk.forEach(most: most, until: deadline) { generation, touches, key in
                    try writer.add(generation: generation, touches: touches, key: key)
                }
                try addRest(of: tier, to: &writer, most: most, until: deadline)
            }
            let milliseconds = (Clock.monotonicNanoseconds() - begun) / 1_000_000
            log.notice(
                "Noted \(keys) hot keys for the next start in \(milliseconds) ms"
                    + (isWhole ? "." : ": time was up before all records were looked at."))
        } catch {
            log.warning("The hot keys can't be noted, the next start will be cold: \(error)")
            try? directory.removeWarmUpList()
        }
    }

    /// What an earlier list named and this server had no time to read in is as hot as ever.
    private func addRest(
        of tier: Tier, to writer: inout WarmUpList.Writer, most: Int, until deadline: Int64
    ) throws {
        guard let (list, first) = tier.warmUp.rest else { return }
        for part in first..<list.parts where Clock.monotonicNanoseconds() < deadline {
            // A part that is damaged is no loss: it could not have been read in either.
            for key in (try? list.part(part)) ?? [] where writer.keys < most {
                try key.key.withSlice { slice in
                    try writer.add(generation: key.generation, touches: key.touches, key: slice)
                }
            }
        }
    }
}
