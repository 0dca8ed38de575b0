import Bytes
import Keyspace

// Late keys: keys that a call touches and that its arguments don't name, because they depend on a value (SORT's BY and
// GET). Its body can't look them up: their shards are not locked, they may be cold.
//
// So the body runs as far as it can tell which keys it needs, and asks for them with `.moreKeys`, without effect or
// reply. The worker gives the locks back, adds the keys to those that the arguments name, locks all of them in
// ascending order, waits for what is cold as for any key, and runs the body again from the top. The body finds out
// again what it needs: the value may have changed. It looks the keys up in the same order, so the k-th one of this run
// is usually the k-th one that was asked for; where it isn't, the body asks anew, from this one on.
//
// What keeps that from going on for ever is the worker's business: see `LoopWorker.patience`.

/// The late keys of a call, in the order in which its body needs them.
public final class LateKeys: @unchecked Sendable {
    // @unchecked: belongs to one call, which one thread runs at a time.
    private var bytes = ByteBuffer()
    private var ends: [Int] = []
    /// How often the call has asked.
    public var rounds = 0

    init() {}

    public var count: Int { ends.count }

    /// The key number `index`; valid until something is appended.
    public subscript(index: Int) -> ByteSlice { bytes.slice[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }

    fileprivate func append(_ key: ByteSlice) {
        bytes.append(key)
        ends.append(bytes.count)
    }

    fileprivate func truncate(to count: Int) {
        guard count < ends.count else { return }
        bytes.truncate(count == 0 ? 0 : ends[count - 1])
        ends.removeLast(ends.count - count)
    }
}

/// The look-ups of late keys during one run of a body.
struct LateLookups: ~Copyable {
    private let keys: LateKeys
    private var next = 0
    private var isAsking = false
    private var name = ByteBuffer()

    init(_ call: borrowing CommandContext) { keys = call.late ?? LateKeys() }

    /// The place of the key whose name `write` appends; nil: it has to be asked for. After a nil the run can only go on
    /// to collect what else it needs, and must not use any place that it has got.
    mutating func find(_ call: borrowing CommandContext, _ write: (inout ByteBuffer) -> Void) -> KeyRef? {
        name.removeAll()
        write(&name)
        if !isAsking {
            if next < keys.count, keys[next] == name.slice {
                next += 1
                return call.keys[call.declaredKeys + next - 1]
            }
            isAsking = true
            keys.truncate(to: next)
        }
        keys.append(name.slice)
        return nil
    }

    /// Whether keys are missing; if so they have been asked for, and the body has to return.
    func ask(_ call: inout CommandContext) -> Bool {
        if isAsking { call.request = .moreKeys(keys) }
        return isAsking
    }
}
