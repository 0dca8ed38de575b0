import Values

// Generations: which of the records that the eviction hand meets stay in RAM.
//
// The simple version is CLOCK: a record that was touched since the hand came by loses one of its touches (at most 3)
// and stays; one without leaves. But then a record that is never used again stays until the hand has been all the way
// around, and takes the place of others; and each scan takes touches from the whole hot set.
//
// So there are two generations, as S3-FIFO has two queues (Yang et al., SOSP 2023), but in the one table: a record is
// a *newcomer* until the hand finds it touched; from then on it is proven (`Record.isProven`), and its touches stay.
// While newcomers are more than a tenth of what the hand meets it takes newcomers and passes the others over; else it
// takes those, and passes newcomers over. What is used once leaves when a tenth of the memory has been filled anew, and
// a scan displaces itself. No queue costs memory: it is a bit in the record, and four bytes a table for the share of
// newcomers that the last visits have met. (Counted exactly it would have to be kept at every insertion and removal.)
// `tools/bench eviction` has the misses beside others'.
//
// Dropped: S3-FIFO's ghost queue (fingerprints of what has left; what comes back soon is proven): 3 to 4 bytes a
// record, and fewer misses only where the hot set drifts. Two hands, one for each generation: the same misses, and one
// more place to remember.

extension LockedKeyspace {
    /// The part of a table's records that may be newcomers.
    private static var mostNewcomers: Float { 0.1 }
    /// Records that are met in a whole visit.
    private static var wholeVisit: Int { 64 }

    /// A record that was touched stays: the hand remembers that it was there.
    func cool(_ record: Record) {
        if record.isProven { record.residence = record.residence.cooled() } else { record.isProven = true }
    }

    /// What the hand meets in a visit of a table, and which of it it takes.
    struct Met {
        let takesNewcomers: Bool
        private var records = 0
        /// Those of them that may leave, if they aren't spared, and the newcomers among these.
        private var candidates = 0
        private var newcomers = 0

        init(_ part: UnsafeMutablePointer<Partition>) {
            takesNewcomers = part.pointee.newcomers >= LockedKeyspace.mostNewcomers
        }

        /// Counts the record. True: it could leave, but is of the other generation. Who has pages is never passed over,
        /// for they go one by one.
        mutating func passesOver(_ record: Record) -> Bool {
            let residence = record.residence
            guard residence.isLive else { return false }
            records += 1
            // What can't leave now is of neither: it must not keep the hand from looking at the others.
            guard residence.state == .dirty || residence.state == .clean, !residence.isPinned else { return false }
            candidates += 1
            if !record.isProven { newcomers += 1 }
            return record.isProven == takesNewcomers && record.collectionObject?.paging == nil
        }

        /// Has the table know it for the next visits: a whole visit makes up a quarter of what it knows then, more in a
        /// small table, and all of it where every record was met.
        func remember(_ part: UnsafeMutablePointer<Partition>) {
            guard candidates > 0 else { return }
            let counted = Float(min(records, LockedKeyspace.wholeVisit)) / Float(4 * LockedKeyspace.wholeVisit)
            let weight = max(counted, min(1, Float(records) / Float(max(1, part.pointee.resident))))
            let share = Float(newcomers) / Float(candidates)
            part.pointee.newcomers += (share - part.pointee.newcomers) * weight
        }
    }
}
