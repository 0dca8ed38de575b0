import Bytes
import Keyspace
import RESP
import Values

// GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER and their read-only forms: one search.

/// The members that a search finds.
private struct GeoHits: ~Copyable {
    struct Hit {
        let point: GeoPoint
        /// In metres.
        let distance: Double
        let score: Double
        /// Where the member's name stands in `names`.
        let name: Range<Int>
    }

    private(set) var hits: [Hit] = []
    private var names = ByteBuffer()

    /// Members that are looked at before the limit is asked for again.
    private static let stretch = 64

    /// `limit`: how many are enough; 0: all.
    init(_ shape: GeoShape, in value: SortedSetValue, limit: Int) {
        for box in shape.boxes {
            if limit > 0, hits.count >= limit { break }
            let start = value.count(below: box.startScore, orEqual: false)
            let end = value.count(below: box.endScore, orEqual: false)
            guard limit > 0 else {
                if start < end { collect(shape, value, start..<end, .max) }
                continue
            }
            for first in stride(from: start, to: end, by: Self.stretch) where hits.count < limit {
                collect(shape, value, first..<min(first + Self.stretch, end), limit)
            }
        }
    }

    private mutating func collect(_ shape: GeoShape, _ value: SortedSetValue, _ range: Range<Int>, _ limit: Int) {
        value.forEach(in: range) { member, score in
            let point = GeoHash(score: score).center
            guard let distance = shape.distance(to: point), hits.count < limit else { return }
            let start = names.count
            names.append(member)
            hits.append(Hit(point: point, distance: distance, score: score, name: start..<names.count))
        }
    }

    func name(_ hit: Hit) -> ByteSlice { names.slice[hit.name] }

    /// Members at the same distance keep their order.
    mutating func sort(_ order: GeoOptions.Order) {
        switch order {
        case .none: break
        case .ascending: hits.sort { $0.distance < $1.distance }
        case .descending: hits.sort { $0.distance > $1.distance }
        }
    }
}

extension GeoCommands {
    static func geosearch(_ call: inout CommandContext) { search(&call, .search) }
    static func geosearchstore(_ call: inout CommandContext) { search(&call, .searchStore) }
    static func georadius(_ call: inout CommandContext) { search(&call, .radius(mayStore: true)) }
    static func georadiusReadOnly(_ call: inout CommandContext) { search(&call, .radius(mayStore: false)) }
    static func georadiusbymember(_ call: inout CommandContext) { search(&call, .radiusByMember(mayStore: true)) }
    static func georadiusbymemberReadOnly(_ call: inout CommandContext) {
        search(&call, .radiusByMember(mayStore: false))
    }

    // MARK: Keys: the source first, then the destination if there is one

    static func keysOfGeosearchstore(_ arguments: Arguments, _ database: Int, _ uses: inout [KeyUse]) {
        guard arguments.count > 2 else { return }
        uses.append(KeyUse(argument: 2, database: database, need: .value))
        uses.append(KeyUse(argument: 1, database: database, need: .presence))
    }

    static func keysOfGeoradius(_ arguments: Arguments, _ database: Int, _ uses: inout [KeyUse]) {
        radiusKeys(arguments, database, &uses, firstOption: GeoOptions.Command.radius(mayStore: true).firstOption)
    }

    static func keysOfGeoradiusbymember(_ arguments: Arguments, _ database: Int, _ uses: inout [KeyUse]) {
        radiusKeys(
            arguments, database, &uses, firstOption: GeoOptions.Command.radiusByMember(mayStore: true).firstOption)
    }

    /// Of several destinations the last one counts.
    private static func radiusKeys(
        _ arguments: Arguments, _ database: Int, _ uses: inout [KeyUse], firstOption: Int
    ) {
        guard arguments.count > 1 else { return }
        uses.append(KeyUse(argument: 1, database: database, need: .value))
        var destination: Int?
        var index = firstOption
        while index + 1 < arguments.count {
            let word = arguments[index]
            if word.equalsIgnoringCase("store") || word.equalsIgnoringCase("storedist") {
                destination = index + 1
                index += 1
            } else if word.equalsIgnoringCase("count") {
                index += 1
            }
            index += 1
        }
        if let destination { uses.append(KeyUse(argument: destination, database: database, need: .presence)) }
    }

    // MARK: The search

    private static func search(_ call: inout CommandContext, _ command: GeoOptions.Command) {
        var source: SortedSetValue?
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: break
        case .found(_, let value): source = value
        }
        guard let options = GeoOptions(call, command, source) else { return }
        guard let source, let shape = options.shape else {
            if options.stores { return store(&call, SortedSetValue(), search: command.isSearch) }
            return call.reply.pointee.array(0)
        }
        var hits = GeoHits(shape, in: source, limit: options.any ? options.count : 0)
        // A count means the nearest ones, unless any will do.
        let isNearest = options.count > 0 && options.order == .none && !options.any
        hits.sort(isNearest ? .ascending : options.order)
        let count = options.count > 0 ? min(options.count, hits.hits.count) : hits.hits.count
        if options.stores {
            let result = SortedSetValue()
            for hit in hits.hits[..<count] {
                result.set(hits.name(hit), options.storesDistances ? hit.distance / shape.unit : hit.score)
            }
            return store(&call, result, search: command.isSearch, count: count)
        }
        reply(&call, hits, count, options, shape.unit)
    }

    private static func store(
        _ call: inout CommandContext, _ result: SortedSetValue, search: Bool, count: Int = 0
    ) {
        if call.refuses(result) { return }
        call.store(call.keys[1], result, .sortedSet, search ? "geosearchstore" : "georadiusstore")
        call.reply.pointee.integer(count)
    }

    private static func reply(
        _ call: inout CommandContext, _ hits: borrowing GeoHits, _ count: Int, _ options: GeoOptions, _ unit: Double
    ) {
        let writer = call.reply
        let extras = (options.withDistance ? 1 : 0) + (options.withHash ? 1 : 0) + (options.withPoint ? 1 : 0)
        writer.pointee.array(count)
        for index in 0..<count {
            let hit = hits.hits[index]
            if extras > 0 { writer.pointee.array(extras + 1) }
            writer.pointee.bulk(hits.name(hit))
            if options.withDistance { writer.pointee.distance(hit.distance / unit) }
            if options.withHash {
                // Scores that are no places may be any number.
                let isInteger = hit.score > -0x1p63 && hit.score < 0x1p63
                writer.pointee.integer(isInteger ? Int64(hit.score) : .min)
            }
            if options.withPoint { writer.pointee.point(hit.point) }
        }
    }
}
