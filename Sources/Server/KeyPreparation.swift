import Bytes
import Commands
import Keyspace
import Platform
import RESP
import Tiering
import Values

/// Locks the shards of a call's keys in ascending order and makes sure that they are resident.
///
/// A key without a RAM entry in a partition with cold keys is unknown. Then the locks are given back, the tier's
/// filter is asked without them, and after locking again a 'no' counts only if still nothing is known and no record
/// has left the partition meanwhile. A 'maybe' ends in `.cold`: `read` then registers the call with the faults. A
/// resident key of a large collection whose pages go to flash one by one may lack pages that the call needs: that ends
/// in `.cold` too.
///
/// One per loop; keeps its arrays.
struct KeyPreparation: ~Copyable {
    enum Outcome {
        case ready
        /// As `ready`, but a key of one of the locked shards is reserved.
        case reserved
        case cold
        /// The arguments don't say where the keys are; nothing is locked.
        case badKeys
    }

    /// A key that has to be asked for.
    private struct Question {
        let index: Int
        let departures: UInt64
        let generation: UInt32
    }

    /// What of a key must be in RAM, and the arguments that name the elements.
    private struct Need {
        let key: KeyNeed
        let arguments: Arguments
        var pages: PageNeed { key.pages(arguments) }
    }

    private let tier: Tier?
    private var indices: [Int] = []
    private var uses: [KeyUse] = []
    /// What a plan of a row's own has found.
    private var planned: [KeyUse] = []
    private var needs: [Need] = []
    private var shards: [Int] = []
    /// Shards to be locked besides the keys': those of what a transaction's client watches.
    private var watched: [Int] = []
    /// Of a transaction: all refs, and where those of each command end.
    private var refs: [KeyRef] = []
    private var ends: [Int] = []
    private var questions: [Question] = []
    private var missing: [Int] = []
    /// After `.cold`: reads that bring what is missing. No more are looked for than a call may ask for at a time.
    private(set) var wantedReads = 0
    private var scratch = ByteBuffer()
    private var filterUse = FilterUse()
    /// The shard that is locked for a single key, or -1 where `shards` says it.
    private var single = -1

    init(tier: Tier?) { self.tier = tier }

    /// Locks and prepares the keys of the call in `context.arguments`, and those of `context.late` behind them.
    /// `known`: the place of argument 1, if somebody has worked it out already.
    @inline(__always)
    mutating func lock(
        _ entry: UnsafePointer<CommandIndex.Entry>, _ context: inout CommandContext, known: Position?
    ) -> Outcome {
        let outcome = prepare(entry, &context, known: known)
        return outcome == .ready && hasReserved(context) ? .reserved : outcome
    }

    /// Whether any key of the locked shards is reserved.
    @inline(__always)
    func hasReserved(_ context: borrowing CommandContext) -> Bool {
        if single >= 0 { return context.keyspace.hasReserved(single) }
        for shard in shards where context.keyspace.hasReserved(shard) { return true }
        return false
    }

    private mutating func prepare(
        _ entry: UnsafePointer<CommandIndex.Entry>, _ context: inout CommandContext, known: Position?
    ) -> Outcome {
        if entry.pointee.shape == .single, context.late == nil {
            let bytes = context.arguments[1]
            let position = known ?? context.keyspace.position(of: bytes)
            context.keyspace.lock(position.shard)
            let ref = context.keyspace.ref(bytes, at: position, database: context.database)
            context.keys.removeAll()
            context.keys.append(ref)
            context.declaredKeys = 1
            single = position.shard
            if tier == nil || context.keyspace.isWhole(ref) { return .ready }
            let need = entry.need(context.arguments)
            if need == .overwrite, !context.keyspace.notifies(.new) { return .ready }
            needs.removeAll(keepingCapacity: true)
            // Whether the key is new is an event if somebody wants to know.
            needs.append(Need(key: need == .overwrite ? .presence : need, arguments: context.arguments))
            return settle(&context)
        }
        guard collect(entry, &context) else { return .badKeys }
        lockAll(&context)
        return tier == nil ? .ready : settle(&context)
    }

    /// Gives memory back that few calls need. Nothing must be locked.
    mutating func trim() {
        guard uses.capacity > 4096 else { return }
        uses = []
        planned = []
        needs = []
        shards = []
        questions = []
        missing = []
    }

    /// Locks and prepares the keys of all commands of a transaction, in the databases that they will run in, and locks
    /// the shards of the watched keys, which nobody will look at. False: something is cold, nothing is locked.
    mutating func lock(_ transaction: Transaction, _ context: inout CommandContext) -> Bool {
        reset(&context)
        ends.removeAll(keepingCapacity: true)
        refs.removeAll(keepingCapacity: true)
        var database = context.database
        for command in transaction.commands {
            let arguments = command.arguments
            switch command.entry.pointee.shape {
            case .none: break
            case .single:
                let use = KeyUse(argument: 1, database: database, need: command.entry.need(arguments))
                add(use, arguments, arguments[1], command.position, &context)
            case .general:
                // Where arguments don't say where the keys are, the command has none and says what is wrong.
                _ = add(command.entry, arguments, database, &context, inTransaction: true)
            }
            ends.append(context.keys.count)
            guard command.entry.pointee.flags.contains(.selectsDatabase) else { continue }
            database =
                ConnectionCommands.selectedDatabase(arguments, databases: context.keyspace.store.databases) ?? database
        }
        for watch in transaction.watches { watched.append(watch.position.shard) }
        widenPositionalNeeds(context)
        lockAll(&context)
        if tier != nil, case .cold = settle(&context) { return false }
        for index in 0..<context.keys.count { refs.append(context.keys[index]) }
        return true
    }

    /// Where an element stands is certain only until another command of the transaction has changed its list.
    private mutating func widenPositionalNeeds(_ context: borrowing CommandContext) {
        guard tier != nil, needs.contains(where: { $0.key.isPositional }) else { return }
        var uses: [UInt32: Int] = [:]
        for index in 0..<context.keys.count { uses[context.keys[index].position.bits, default: 0] += 1 }
        for index in 0..<context.keys.count where needs[index].key.isPositional {
            guard uses[context.keys[index].position.bits, default: 0] > 1 else { continue }
            needs[index] = Need(key: .value, arguments: needs[index].arguments)
        }
    }

    /// Makes the keys of one command of the transaction the context's.
    func takeKeys(ofCommand number: Int, _ context: inout CommandContext) {
        context.keys.removeAll()
        for index in (number == 0 ? 0 : ends[number - 1])..<ends[number] { context.keys.append(refs[index]) }
        context.declaredKeys = context.keys.count
    }

    mutating func unlock(_ context: inout CommandContext) {
        if single >= 0 {
            context.keyspace.unlock(single)
            single = -1
            return
        }
        for shard in shards { context.keyspace.unlock(shard) }
    }

    /// Finds the keys and needs of the call; their refs, without valid spaces yet, into the context.
    private mutating func collect(
        _ entry: UnsafePointer<CommandIndex.Entry>, _ context: inout CommandContext
    ) -> Bool {
        reset(&context)
        return add(entry, context.arguments, context.database, &context)
    }

    private mutating func reset(_ context: inout CommandContext) {
        uses.removeAll(keepingCapacity: true)
        needs.removeAll(keepingCapacity: true)
        watched.removeAll(keepingCapacity: true)
        context.keys.removeAll()
        single = -1
    }

    private mutating func add(
        _ entry: UnsafePointer<CommandIndex.Entry>, _ arguments: Arguments, _ database: Int,
        _ context: inout CommandContext, inTransaction: Bool = false
    ) -> Bool {
        indices.removeAll(keepingCapacity: true)
        let placement = context.keyspace.store.placement
        // As CommandRow.appendUses, over the entry in place: no copy of the row, and one pass.
        if let plan = entry.pointee.plan {
            planned.removeAll(keepingCapacity: true)
            plan(arguments, database, &planned)
            // A plan can't know how many databases there are; the command replies to a number that is too large.
            let databases = context.keyspace.store.databases
            for use in planned where use.database < databases {
                let key = use.key(arguments)
                // What moves may be looked at by the next command, under its new name.
                let isLookedAt = inTransaction && use.need == .moved
                add(use, arguments, key, placement.position(of: key), &context, need: isLookedAt ? .value : use.need)
            }
        } else {
            for specification in entry.pointee.keys {
                guard specification.append(arguments, to: &indices) else { return false }
            }
            let need = entry.need(arguments)
            for index in indices {
                let key = arguments[index]
                let use = KeyUse(argument: index, database: database, need: need)
                add(use, arguments, key, placement.position(of: key), &context)
            }
        }
        context.declaredKeys = context.keys.count
        if let late = context.late { add(late, &context) }
        return true
    }

    @inline(__always)
    private mutating func add(
        _ use: KeyUse, _ arguments: Arguments, _ key: ByteSlice, _ position: Position,
        _ context: inout CommandContext, need: KeyNeed? = nil
    ) {
        uses.append(use)
        context.keys.append(KeyRef(bytes: key, position: position, space: use.database))
        // Whether a key is new is an event if somebody wants to know.
        let isAsked = use.need == .overwrite && context.keyspace.notifies(.new)
        needs.append(Need(key: isAsked ? .presence : need ?? use.need, arguments: arguments))
    }

    private mutating func add(_ late: LateKeys, _ context: inout CommandContext) {
        let store = context.keyspace.store
        for index in 0..<late.count {
            let key = late[index]
            context.keys.append(
                KeyRef(bytes: key, position: store.placement.position(of: key), space: context.database))
            // No argument names it.
            uses.append(KeyUse(argument: -1, database: context.database, need: .value))
            needs.append(Need(key: .value, arguments: context.arguments))
        }
    }

    /// Locks the shards in ascending order, each once, and looks the keys' spaces up, which only a lock keeps stable.
    private mutating func lockAll(_ context: inout CommandContext) {
        let count = context.keys.count
        shards.removeAll(keepingCapacity: true)
        if count == 1, watched.isEmpty {
            shards.append(context.keys[0].position.shard)
        } else {
            for index in 0..<count { shards.append(context.keys[index].position.shard) }
            shards.append(contentsOf: watched)
            shards.sort()
            var kept = 0
            for index in 0..<shards.count where kept == 0 || shards[kept - 1] != shards[index] {
                shards[kept] = shards[index]
                kept += 1
            }
            shards.removeLast(shards.count - kept)
        }
        for shard in shards { context.keyspace.lock(shard) }
        guard single < 0 else { return }
        let store = context.keyspace.store
        for index in 0..<count {
            let ref = context.keys[index]
            context.keys[index] = KeyRef(
                bytes: ref.bytes, position: ref.position, space: store.space(ofDatabase: uses[index].database))
        }
    }

    /// With the locks held: finds out about keys that aren't resident. `.ready` with the locks held, `.cold` without.
    private mutating func settle(_ context: inout CommandContext) -> Outcome {
        guard let tier else { return .ready }
        while true {
            questions.removeAll(keepingCapacity: true)
            missing.removeAll(keepingCapacity: true)
            wantedReads = 0
            let most = tier.readsAtOnce
            for index in 0..<context.keys.count where needs[index].key != .overwrite && wantedReads < most {
                let ref = context.keys[index]
                if ref.isKnownAbsent || context.keyspace.isWhole(ref) { continue }
                if context.keyspace.isResident(ref) {
                    let pages = context.keyspace.absentPages(ref, needs[index].pages)
                    if pages > 0 { missing.append(index) }
                    wantedReads += pages
                    continue
                }
                questions.append(
                    Question(
                        index: index, departures: context.keyspace.departures(ref),
                        generation: context.keyspace.store.generation(ofSpace: ref.space)))
            }
            if questions.isEmpty, missing.isEmpty { return .ready }
            release(&context)
            for question in questions where wantedReads < most {
                let ref = context.keys[question.index]
                if mayBeOnFlash(tier, ref, generation: question.generation) {
                    missing.append(question.index)
                    wantedReads += 1
                }
            }
            if !missing.isEmpty { return .cold }
            relock(&context)
            for question in questions {
                let ref = context.keys[question.index]
                let store = context.keyspace.store
                if store.generation(ofSpace: ref.space) == question.generation,
                    context.keyspace.departures(ref) == question.departures
                {
                    context.keys[question.index].isKnownAbsent = true
                }
            }
        }
    }

    private mutating func mayBeOnFlash(_ tier: Tier, _ ref: KeyRef, generation: UInt32) -> Bool {
        guard filterUse.asks() else { return true }
        let maybe = tier.mayBeOnFlash(
            generation: generation, position: ref.position, key: ref.bytes, scratch: &scratch)
        filterUse.note(maybe: maybe)
        return maybe
    }

    private mutating func release(_ context: inout CommandContext) {
        if single >= 0 {
            context.keyspace.unlock(single)
        } else {
            for shard in shards { context.keyspace.unlock(shard) }
        }
    }

    /// Takes the same locks again. A flush or swap may have come between: the spaces are looked up anew, and what was
    /// known of keys in other generations doesn't count.
    private mutating func relock(_ context: inout CommandContext) {
        if single >= 0 {
            context.keyspace.lock(single)
            let ref = context.keys[0]
            context.keys[0] = KeyRef(
                bytes: ref.bytes, position: ref.position,
                space: context.keyspace.store.space(ofDatabase: context.database))
        } else {
            lockAll(&context)
        }
    }

    /// After `.cold`: registers `call` with faults for the keys that are missing, at most as many as there is room for.
    /// The call is armed when they have landed; where there is no room, when there is some. Then it is to prepare
    /// again. Without locks before and after.
    mutating func read(for call: ReadWaiter, _ context: inout CommandContext) {
        defer { single = -1 }
        guard let tier, let room = tier.reserve(wantedReads, for: call) else { return }
        var faults: [Fault] = []
        let now = Clock.monotonicNanoseconds()
        for index in missing where faults.count < room.reads {
            let database = single >= 0 ? context.database : uses[index].database
            request(context.keys[index], database, needs[index].pages, call, now, room.reads, &context, &faults)
        }
        tier.submit(faults, room)
        call.arm()
    }

    private func request(
        _ ref: KeyRef, _ database: Int, _ pages: PageNeed, _ call: FaultWaiter?, _ now: Int64, _ limit: Int,
        _ context: inout CommandContext, _ faults: inout [Fault]
    ) {
        context.keyspace.lock(ref.position.shard)
        let current = KeyRef(
            bytes: ref.bytes, position: ref.position, space: context.keyspace.store.space(ofDatabase: database))
        if context.keyspace.isResident(current) {
            context.keyspace.requestPages(
                current, pages, for: call, at: now, most: context.settings.growingBytes,
                refusal: ErrorText.collectionTooLargeAsAWhole, limit: limit, into: &faults)
        } else if let fault = context.keyspace.requestFault(current, for: call, at: now) {
            faults.append(fault)
        }
        context.keyspace.unlock(ref.position.shard)
    }

    /// Requests the reads of what is cold of a call that can't run yet, as long as there are no more than `limit`.
    /// Without locks before and after.
    mutating func prefetch(
        _ entry: UnsafePointer<CommandIndex.Entry>, _ context: inout CommandContext, limit: Int,
        into faults: inout [Fault]
    ) {
        guard let tier, collect(entry, &context) else { return }
        let now = Clock.monotonicNanoseconds()
        for index in 0..<context.keys.count where needs[index].key != .overwrite && faults.count < limit {
            let ref = context.keys[index]
            let database = uses[index].database
            let store = context.keyspace.store
            context.keyspace.lock(ref.position.shard)
            let space = store.space(ofDatabase: database)
            let generation = store.generation(ofSpace: space)
            let current = KeyRef(bytes: ref.bytes, position: ref.position, space: space)
            let isResident = context.keyspace.isResident(current)
            let isWhole = isResident && context.keyspace.isWhole(current)
            context.keyspace.unlock(ref.position.shard)
            if isWhole { continue }
            if isResident || mayBeOnFlash(tier, ref, generation: generation) {
                request(ref, database, needs[index].pages, nil, now, limit, &context, &faults)
            }
        }
    }
}

extension FaultWaiter {
    /// The error reply to the call; nil if it can run.
    var errorText: String? { refusal ?? firstFailure.map { ErrorText.readFailed($0) } }
}
