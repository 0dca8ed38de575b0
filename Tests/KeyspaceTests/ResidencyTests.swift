import Testing

@testable import Keyspace

/// The table in Residency.swift's comment, read as a table. `!` is gone, `*` gone or a tombstone, `#` impossible.
private let table = """
    dirty        dirty        deleted*     spilling  #        #        #
    clean        dirty        deleted      #         #        #        !
    spilling     superseded   doomed       #         clean    dirty    #
    superseded   superseded   doomed       #         dirty    dirty    #
    deleted      dirty        deleted      deleting  #        #        #
    doomed       superseded   doomed       #         deleted  deleted  #
    deleting     superseded   deleting     #         !        deleted  #
    absent       dirty        absent       #         #        #        !
    """

private let events: [Residency.Event] = [.write, .delete, .issued, .done, .failed, .drop]

private func state(_ name: Substring) -> Residency.State? {
    Residency.State.allCases.first { "\($0)" == name }
}

@Suite struct ResidencyTests {
    @Test func theMachineDoesWhatTheTableSays() throws {
        var impossible: [String] = []
        for line in table.split(separator: "\n") {
            let cells = line.split(separator: " ")
            let from = try #require(state(cells[0]))
            for (event, cell) in zip(events, cells.dropFirst()) {
                if cell == "#" {
                    impossible.append("\(from) \(event)")
                    continue
                }
                for flags in 0..<32 as Range<UInt8> {
                    // Every combination of what else the byte holds.
                    let before = Residency(
                        from, mayBeOnFlash: flags & 1 != 0, isUnresolved: flags & 2 != 0, isPinned: flags & 4 != 0,
                        frequency: flags >> 3)
                    let after = before.after(event)
                    guard case .keep(let kept) = after else {
                        #expect(cell == "!" || cell == "deleted*" && flags & 3 == 0, "\(before) \(event)")
                        continue
                    }
                    #expect(cell != "!" && !(cell == "deleted*" && flags & 3 == 0))
                    #expect(kept.state == state(cell.prefix { $0 != "*" }), "\(before) \(event)")
                    // Pins, touches and open counts stay; what may be on flash is never forgotten while it may be
                    // there.
                    #expect(kept.isPinned == before.isPinned && kept.frequency == before.frequency)
                    #expect(kept.isUnresolved == before.isUnresolved)
                    if from != .absent, before.mayBeOnFlash { #expect(kept.mayBeOnFlash) }
                }
            }
        }
        // The pairs that trap; a crash test for each would cost a process apiece.
        #expect(
            impossible == [
                "dirty done", "dirty failed", "dirty drop", "clean issued", "clean done", "clean failed",
                "spilling issued", "spilling drop", "superseded issued", "superseded drop", "deleted done",
                "deleted failed", "deleted drop", "doomed issued", "doomed drop", "deleting issued", "deleting drop",
                "absent issued", "absent done", "absent failed",
            ])
    }

    /// Once a put has been issued, the provider may have it, whatever it answers.
    @Test func whateverWasIssuedMayBeOnFlash() {
        for first in [Residency.Event.write, .delete, .done, .failed] {
            guard case .keep(let issued) = Residency(.dirty).after(.issued) else {
                Issue.record("a dirty entry was not kept")
                return
            }
            guard case .keep(let next) = issued.after(first) else {
                Issue.record("an entry in flight was removed")
                return
            }
            #expect(next.mayBeOnFlash)
        }
    }

    /// From any state, no sequence of events that the table allows removes an entry with a write in flight but its
    /// completion.
    @Test func entriesInFlightStay() {
        for from in Residency.State.allCases where Residency(from).isInFlight {
            for event in [Residency.Event.write, .delete] {
                guard case .keep(let next) = Residency(from).after(event) else {
                    Issue.record("\(from) was removed by \(event)")
                    continue
                }
                #expect(next.isInFlight)
            }
        }
    }

    @Test func touchesSaturate() {
        var residence = Residency(.clean, isUnresolved: true)
        for count in 1...5 {
            residence = residence.touched()
            #expect(residence.frequency == min(count, 3))
        }
        for count in 1...5 {
            residence = residence.cooled()
            #expect(residence.frequency == max(0, 3 - count))
        }
        #expect(residence == Residency(.clean, isUnresolved: true))
        #expect(residence.pinned(true).pinned(false) == residence)
        #expect(residence.pinned(true).touched() == residence.pinned(true), "the touch of the read that brought it")
        #expect(!residence.resolved(existed: false).isUnresolved && !residence.resolved(existed: false).mayBeOnFlash)
        #expect(!residence.resolved(existed: true).isUnresolved && residence.resolved(existed: true).mayBeOnFlash)
    }
}
