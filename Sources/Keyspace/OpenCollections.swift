import Values

// Small collections are packed while nobody uses them (Values/PackedBlock). Here their records are opened for calls,
// and packed again before the call gives its first lock back, so that whoever takes a lock finds every small collection
// packed.

extension LockedKeyspace {
    /// The entry's collection, nil if its value is none; valid until the locks are given back.
    @inlinable
    public mutating func collection(of entry: Entry) -> CollectionValue? {
        entry.record.isPacked ? open(entry.record) : entry.record.collectionObject
    }

    @usableFromInline
    mutating func open(_ record: Record) -> CollectionValue {
        let value = record.open()
        noteOpen(record)
        return value
    }

    /// The record is open and may have to be packed.
    @usableFromInline
    mutating func noteOpen(_ record: Record) {
        guard let value = record.collectionObject, value.home == nil else { return }
        value.home = record
        // Held, so that the record may be freed before the locks are given back.
        opened.append(.passRetained(value))
        hasOpened = true
    }

    @usableFromInline
    mutating func packOpened() {
        for reference in opened {
            let value = reference.takeUnretainedValue()
            guard let record = value.home else {
                // The key has gone, or has another value.
                CollectionValue.release(reference)
                continue
            }
            value.home = nil
            record.pack()
            reference.release()
        }
        opened.removeAll(keepingCapacity: true)
        hasOpened = false
    }
}
