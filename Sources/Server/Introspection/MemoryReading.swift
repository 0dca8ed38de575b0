import CShims
import Platform
import Synchronization

/// The allocator's and the kernel's word on this process' memory, in bytes.
struct MemoryReading: Sendable {
    /// Handed out by the allocator and not given back.
    var allocated = 0
    /// In pages that the allocator has in use.
    var active = 0
    /// Mapped and touched, by the allocator's account.
    var resident = 0
    /// Resident set of the process.
    var processResident = 0
    /// When it was read: monotonic nanoseconds.
    var takenAt: Int64 = 0
    /// What of it was known then to be records and tables.
    var knownBytes = 0

    static func now() -> MemoryReading {
        var reading = MemoryReading()
        firn_allocator_refresh()
        reading.processResident = MachineMemory.residentBytes()
        // What threads have freed and keep for themselves counts as allocated in the allocator's sum. 4096 stands for
        // all arenas.
        reading.allocated =
            firn_allocator_statistic("stats.allocated") - firn_allocator_statistic("stats.arenas.4096.tcache_bytes")
        reading.active = firn_allocator_statistic("stats.active")
        reading.resident = firn_allocator_statistic("stats.resident")
        if reading.allocated <= 0 {
            // libc (sanitizer builds) doesn't say.
            reading.allocated = reading.processResident
            reading.active = reading.processResident
            reading.resident = reading.processResident
        }
        reading.takenAt = Clock.monotonicNanoseconds()
        return reading
    }

    var fragmentation: Double { Self.ratio(active, allocated) }
    var residentRatio: Double { Self.ratio(resident, active) }
    var processRatio: Double { Self.ratio(processResident, resident) }
    var totalRatio: Double { Self.ratio(processResident, allocated) }

    static func ratio(_ a: Int, _ b: Int) -> Double { b > 0 ? Double(a) / Double(b) : 0 }
}

extension ServerCore {
    /// Readings are taken at most every so often: refreshing the allocator's statistics visits all its arenas.
    private static let readingNanoseconds: Int64 = 5_000_000

    /// Memory now, or a few milliseconds ago. Raises the peak. Any thread.
    func memoryReading() -> MemoryReading {
        let reading = memoryReadings.withLock { kept in
            if let kept, Clock.monotonicNanoseconds() - kept.takenAt < Self.readingNanoseconds { return kept }
            var fresh = MemoryReading.now()
            fresh.knownBytes = store.memoryBytes
            kept = fresh
            return fresh
        }
        if reading.allocated > peakMemory.load(ordering: .relaxed) {
            peakMemory.store(reading.allocated, ordering: .relaxed)
        }
        return reading
    }

    /// What counts against `maxmemory`: the last reading, and what has come or gone of records and tables since.
    /// Connections' memory isn't followed between readings: large values in replies are the records' own memory, and
    /// counted twice they would have keys evicted for nothing. Replicas' buffers will not count. O(threads).
    var usedMemory: Int {
        let reading = memoryReading()
        return reading.allocated + store.memoryBytes - reading.knownBytes
    }

    /// As `usedMemory`, by a reading of this moment.
    var usedMemoryNow: Int {
        forgetMemoryReading()
        return usedMemory
    }

    /// The next reading is a new one: memory has come or gone that isn't followed between readings.
    func forgetMemoryReading() { memoryReadings.withLock { $0 = nil } }

    /// Bytes that connections hold: their objects and buffers, and what commands keep for them.
    func clientMemory() -> Int { loops.total { $0.connectionBytes.current } }
}
