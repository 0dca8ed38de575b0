import CShims
import Platform
import Synchronization

/// The allocator's and the kernel's word on this process' memory, in bytes.
struct MemoryReading: Sendable {
    /// Handed out by the allocator.
    var allocated = 0
    /// In pages that the allocator has in use.
    var active = 0
    /// Mapped and touched, by the allocator's account.
    var resident = 0
    /// Resident set of the process.
    var processResident = 0
    /// When it was read: monotonic nanoseconds.
    var takenAt: Int64 = 0

    static func now() -> MemoryReading {
        var reading = MemoryReading()
        firn_allocator_refresh()
        reading.processResident = MachineMemory.residentBytes()
        reading.allocated = firn_allocator_statistic("stats.allocated")
        reading.active = firn_allocator_statistic("stats.active")
        reading.resident = firn_allocator_statistic("stats.resident")
        if reading.allocated == 0 {
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
            let fresh = MemoryReading.now()
            kept = fresh
            return fresh
        }
        if reading.allocated > peakMemory.load(ordering: .relaxed) {
            peakMemory.store(reading.allocated, ordering: .relaxed)
        }
        return reading
    }

    /// Bytes that connections hold: their buffers, and a constant for the objects.
    func clientMemory() -> Int {
        loops.connections().reduce(0) { sum, connection in
            sum + Self.connectionBytes + connection.queryBufferBytes.current + connection.queryBufferFreeBytes.current
                + connection.outputBytes.current
                + ((connection as? ClientSession)?.subscriptionBytes.load(ordering: .relaxed) ?? 0)
        }
    }

    /// A `ClientSession` with its parser, monitors and place in the loop's list.
    private static let connectionBytes = 1024
}
