import Bytes

// Members that expire: fields of hashes (HEXPIRE), members of sets, hashes and sorted sets (EXPIREMEMBER).
//
// The simple version keeps a time with every member. Nearly all collections have none, and a small hash would grow by
// an eighth. So the times stand beside the value: a sorted set whose scores they are, which finds the time of a member
// and the members in order of time, is a listpack while it is small, and knows how to be copied, counted and spilled.
// A collection without them has a nil reference, or not even that.
//
// Invariant: each member in it is one of the collection, and it isn't empty. Whatever removes a member removes its
// time; whoever finds a collection whose earliest time is past removes those members first (Keyspace/MemberExpiry), so
// that no command meets one.

/// The bounds of times of members: Redis 7.4's, exact as a score.
public enum MemberTime {
    /// Unix milliseconds, some 2000 years.
    public static let latest: Int64 = 0x0000_3fff_ffff_ffff
}

extension CollectionValue {
    /// The earliest time at which a member is past due; nil if none ever is. O(log n).
    public final var earliestExpiry: Int64? { expiries?.first.map { Int64($0) } }

    /// When this member is past due; nil if never.
    public final func expiry(of member: ByteSlice) -> Int64? { expiries?.score(of: member).map { Int64($0) } }

    /// Gives a member, which must be there, a time up to `MemberTime.latest`; nil takes it away. O(log n).
    public final func setExpiry(of member: ByteSlice, _ unixMilliseconds: Int64?) {
        assert(hasMember(member), "an expiry of what is no member: \(member)")
        guard let unixMilliseconds else { return forgetExpiry(of: member) }
        precondition((0...MemberTime.latest).contains(unixMilliseconds), "a member's expiry of \(unixMilliseconds)")
        let times = expiries ?? SortedSetValue()
        times.set(member, Double(unixMilliseconds))
        if expiries == nil { expiries = times }
    }

    /// A member goes, or gets a new value: so does its time.
    final func forgetExpiry(of member: ByteSlice) {
        guard let times = expiries, times.remove(member) else { return }
        if times.count == 0 { expiries = nil }
    }

    final func forgetExpiry(of member: Listpack.Item) {
        if expiries != nil { member.withBytes { forgetExpiry(of: $0) } }
    }

    /// How many members are past due. O(log n).
    public final func dueMembers(at now: Int64) -> Int { expiries?.count(below: Double(now), orEqual: false) ?? 0 }

    /// Removes members that are past due, the earliest first. Returns how many. O(log n) for each.
    @discardableResult
    public final func trim(at now: Int64, limit: Int = .max) -> Int {
        let due = min(limit, dueMembers(at: now))
        var left = due
        while left > 0, let times = expiries {
            // A portion at a time: their names have to be copied.
            let portion = min(left, 1024)
            var names: [[UInt8]] = []
            names.reserveCapacity(portion)
            times.forEach(in: 0..<portion) { member, _ in names.append(member.array) }
            times.removeSubrange(0..<portion)
            if times.count == 0 { expiries = nil }
            for name in names { name.withSlice { _ = removeMember($0) } }
            left -= portion
        }
        return due
    }

    /// For `decode`: takes times over that were read from outside; false if one is of no member, or out of bounds.
    final func adopt(expiries times: SortedSetValue) -> Bool {
        var isGood = times.count > 0 && times.count <= count
        times.forEach(in: 0..<times.count) { member, time in
            isGood = isGood && hasMember(member) && (0...Double(MemberTime.latest)).contains(time)
        }
        if isGood { expiries = times }
        return isGood
    }
}

extension SortedSetValue {
    /// The lowest score. O(log n).
    var first: Double? {
        guard count > 0 else { return nil }
        var found: Double?
        forEach(in: 0..<1) { _, score in found = score }
        return found
    }
}
