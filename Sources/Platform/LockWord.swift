import CShims
import Synchronization

/// A mutual-exclusion lock of one 32-bit word: a brief spin, then a futex.
///
/// 0 is free, 1 held, 2 held and somebody may sleep (the three-state lock of Ulrich Drepper, "Futexes are
/// tricky", 2011).
/// A holder that is preempted costs the others a sleep, not a spin: with more threads than cores that is what counts.
/// The words of the keyspace's locks lie in an array of their own, a cache line each; the lock is used through a
/// pointer, so no exclusivity check and no reference count is paid.
public struct LockWord: ~Copyable, @unchecked Sendable {
    // @unchecked: the word is atomic.
    @usableFromInline let word: Atomic<UInt32>

    public init() { word = Atomic(0) }

    @inlinable
    public borrowing func lock() {
        if !word.compareExchange(expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed)
            .exchanged
        {
            lockSlow()
        }
    }

    /// Takes the lock if it is free.
    @inlinable
    public borrowing func tryLock() -> Bool {
        word.compareExchange(expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed)
            .exchanged
    }

    @usableFromInline
    @inline(never)
    borrowing func lockSlow() {
        // About a microsecond: longer than most holders need, shorter than a sleep and a wake-up.
        for _ in 0..<40 {
            if word.load(ordering: .relaxed) == 0, tryLock() { return }
            firn_spin_hint()
        }
        while word.exchange(2, ordering: .acquiring) != 0 {
            withAddress { _ = firn_futex_wait($0, 2, -1) }
        }
    }

    @inlinable
    public borrowing func unlock() {
        if word.exchange(0, ordering: .releasing) == 2 { wakeOne() }
    }

    @usableFromInline
    @inline(never)
    borrowing func wakeOne() { withAddress { firn_futex_wake($0, 1) } }

    /// Whether somebody holds the lock: for assertions of the holder only.
    @inlinable
    public borrowing func isHeld() -> Bool { word.load(ordering: .relaxed) != 0 }

    private borrowing func withAddress(_ body: (UnsafeRawPointer) -> Void) {
        // The word is the value's only member and the value is borrowed in place, so this is its address in memory.
        withUnsafePointer(to: self) { body(UnsafeRawPointer($0)) }
    }
}
