// How far a consumer group has come: Redis counts what was ever added and what a group has read of it, as long as
// nothing was deleted in between.

extension StreamValue {
    /// Whether an entry behind `id`, or it, was deleted while there are live ones around it.
    private func hasDeleted(from id: StreamID) -> Bool {
        count > 0 && maximumDeletedID != .zero && firstID <= maximumDeletedID && id <= maximumDeletedID
    }

    /// Entries of a group that are still to be read; nil: not known.
    public func lag(of group: StreamGroup) -> Int64? {
        if entriesAdded == 0 { return 0 }
        if let read = group.entriesRead, !hasDeleted(from: group.lastID) { return entriesAdded &- read }
        return distance(to: group.lastID).map { entriesAdded &- $0 }
    }

    /// How many of all entries ever added are up to `id`; nil: not known.
    public func distance(to id: StreamID) -> Int64? {
        if entriesAdded == 0 { return 0 }
        if count == 0, id <= lastID { return entriesAdded }
        if id == lastID { return entriesAdded }
        guard id < lastID, maximumDeletedID == .zero || maximumDeletedID < firstID else { return nil }
        if id < firstID { return entriesAdded &- Int64(count) }
        return id == firstID ? entriesAdded &- Int64(count) &+ 1 : nil
    }

    /// Notes that a group has been given the entry `id`, the next behind its last.
    public func advance(_ group: StreamGroup, to id: StreamID) {
        if let read = group.entriesRead, !hasDeleted(from: id) {
            group.entriesRead = read &+ 1
        } else if entriesAdded != 0 {
            group.entriesRead = distance(to: id)
        }
        group.lastID = id
    }
}
