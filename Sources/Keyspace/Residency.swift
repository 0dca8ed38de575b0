import Values

// Residency: where the truth about a key is, as one state machine.
//
// Without a RAM entry a key is unknown, not absent, until the filter or a read said so (and that answer holds only as
// long as no record has left the shard since it was asked: see `Partition.departures`). With a RAM entry, the entry
// is the truth, and its state says what the provider has and what is on its way there:
//
//   state        the entry is      on flash             in flight
//   dirty        live              nothing or old       -
//   clean        live              the same             -
//   spilling     live              nothing or old       put of this content
//   superseded   live              anything             put or delete of older content
//   deleted      a tombstone       something old        -
//   doomed       a tombstone       nothing or old       put of what was deleted
//   deleting     a tombstone       something old        delete
//   absent       a marker          nothing              -
//
//   event ->     write        delete             issued       done          failed        drop
//   dirty        dirty        deleted, or gone*  spilling     #             #             #
//   clean        dirty        deleted            #            #             #             gone
//   spilling     superseded   doomed             #            clean         dirty         #
//   superseded   superseded   doomed             #            dirty         dirty         #
//   deleted      dirty        deleted            deleting     #             #             #
//   doomed       superseded   doomed             #            deleted       deleted       #
//   deleting     superseded   deleting           #            gone          deleted       #
//   absent       dirty        absent             #            #             #             gone
//
//   # can't happen and traps.   * gone if the provider can't have anything of the key (`mayBeOnFlash` is false).
//
// An expiry is a delete. A flush detaches the whole table and starts a new generation: completions of a dead
// generation find no table and are dropped, as are faults. A fault in flight has no entry here; inserting any entry
// marks it stale. Since an entry with a write in flight is never removed, a key has at most one provider write in
// flight, and what completes always finds the entry it left.

/// The residency byte of a record: three bits of state, two of frequency, three flags.
public struct Residency: Equatable, Sendable {
    public var bits: UInt8

    @inlinable
    public init(bits: UInt8) { self.bits = bits }

    public enum State: UInt8, Sendable, CaseIterable {
        case dirty = 0
        case clean = 1
        case spilling = 2
        case superseded = 3
        case deleted = 4
        case doomed = 5
        case deleting = 6
        case absent = 7
    }

    public enum Event: Sendable {
        /// The key gets a new value or expiry.
        case write
        /// The key ceases to exist.
        case delete
        /// The spiller put the entry's operation into a batch.
        case issued
        /// The provider confirmed the operation.
        case done
        /// The provider refused it.
        case failed
        /// The entry leaves RAM.
        case drop
    }

    /// What the machine says to an event.
    public enum Verdict: Equatable, Sendable {
        case keep(Residency)
        /// The entry is to be removed from the table.
        case gone
    }

    @inlinable
    public init(
        _ state: State, mayBeOnFlash: Bool = false, isUnresolved: Bool = false, isPinned: Bool = false,
        frequency: UInt8 = 0
    ) {
        bits = state.rawValue | (mayBeOnFlash ? 8 : 0) | (isUnresolved ? 16 : 0) | (isPinned ? 32 : 0) | frequency << 6
    }

    @inlinable
    public var state: State {
        State(rawValue: bits & 7).unsafelyUnwrapped  // three bits, eight cases
    }

    /// Whether the provider may have something, old or new, under this key.
    @inlinable
    public var mayBeOnFlash: Bool { bits & 8 != 0 }

    /// Whether it is open if the key was on flash when this entry was made: then the count of keys is not exact yet.
    @inlinable
    public var isUnresolved: Bool { bits & 16 != 0 }

    /// Whether a parked call needs the entry.
    @inlinable
    public var isPinned: Bool { bits & 32 != 0 }

    /// Touches since the eviction hand came by, at most 3.
    @inlinable
    public var frequency: UInt8 { bits >> 6 }

    /// Whether the entry is a key, not a tombstone or marker.
    @inlinable
    public var isLive: Bool { bits & 7 < 4 }

    /// Whether a provider write of the key is in flight.
    public var isInFlight: Bool {
        switch state {
        case .spilling, .superseded, .doomed, .deleting: true
        case .dirty, .clean, .deleted, .absent: false
        }
    }

    func with(_ state: State, mayBeOnFlash: Bool? = nil) -> Residency {
        Residency(
            state, mayBeOnFlash: mayBeOnFlash ?? self.mayBeOnFlash, isUnresolved: isUnresolved, isPinned: isPinned,
            frequency: frequency)
    }

    func pinned(_ on: Bool) -> Residency { Residency(bits: on ? bits | 32 : bits & ~32) }

    func resolved(existed: Bool) -> Residency { Residency(bits: existed ? bits & ~16 | 8 : bits & ~16) }

    /// A use of the entry. Not counted while it is pinned: the use for which it was faulted in says nothing about the
    /// next one, and with it counted the hand would have to go around once more for each key that is read only once,
    /// taking touches from all that are read often.
    @inlinable
    func touched() -> Residency { bits < 192 && !isPinned ? Residency(bits: bits &+ 64) : self }

    func cooled() -> Residency { bits >= 64 ? Residency(bits: bits &- 64) : self }

    /// The table above.
    public func after(_ event: Event) -> Verdict {
        switch (state, event) {
        case (.dirty, .write): return .keep(self)
        case (.clean, .write): return .keep(with(.dirty, mayBeOnFlash: true))
        case (.spilling, .write), (.superseded, .write), (.doomed, .write), (.deleting, .write):
            return .keep(with(.superseded, mayBeOnFlash: true))
        case (.deleted, .write): return .keep(with(.dirty, mayBeOnFlash: true))
        case (.absent, .write): return .keep(with(.dirty, mayBeOnFlash: false))

        case (.dirty, .delete): return mayBeOnFlash || isUnresolved ? .keep(with(.deleted)) : .gone
        case (.clean, .delete), (.deleted, .delete): return .keep(with(.deleted, mayBeOnFlash: true))
        case (.spilling, .delete), (.superseded, .delete), (.doomed, .delete):
            return .keep(with(.doomed, mayBeOnFlash: true))
        case (.deleting, .delete), (.absent, .delete): return .keep(self)

        case (.dirty, .issued): return .keep(with(.spilling))
        case (.deleted, .issued): return .keep(with(.deleting))

        case (.spilling, .done): return .keep(with(.clean, mayBeOnFlash: true))
        case (.superseded, .done), (.superseded, .failed): return .keep(with(.dirty, mayBeOnFlash: true))
        case (.spilling, .failed): return .keep(with(.dirty, mayBeOnFlash: true))
        case (.doomed, .done), (.doomed, .failed): return .keep(with(.deleted, mayBeOnFlash: true))
        case (.deleting, .done): return .gone
        case (.deleting, .failed): return .keep(with(.deleted, mayBeOnFlash: true))

        case (.clean, .drop), (.absent, .drop): return .gone

        case (.dirty, .done), (.dirty, .failed), (.dirty, .drop), (.clean, .issued), (.clean, .done), (.clean, .failed),
            (.spilling, .issued), (.spilling, .drop), (.superseded, .issued), (.superseded, .drop),
            (.deleted, .done), (.deleted, .failed), (.deleted, .drop), (.doomed, .issued), (.doomed, .drop),
            (.deleting, .issued), (.deleting, .drop), (.absent, .issued), (.absent, .done), (.absent, .failed):
            preconditionFailure("residency: \(event) while \(state)")
        }
    }
}

extension Record {
    /// Where the record stands between RAM and flash.
    @inlinable
    public var residence: Residency {
        get { Residency(bits: residency) }
        nonmutating set { residency = newValue.bits }
    }
}
