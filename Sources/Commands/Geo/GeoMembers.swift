import Bytes
import Keyspace
import RESP
import Values

// GEOADD, GEODIST, GEOHASH, GEOPOS. Places are the scores of members of a sorted set: see Values/Geo.

extension GeoCommands {
    /// What a GEOADD finds.
    static func additions(_ arguments: Arguments) -> PageNeed {
        var first = 2
        while first < arguments.count, ["nx", "xx", "ch"].contains(where: { arguments[first].equalsIgnoringCase($0) }) {
            first += 1
        }
        return .additions(
            ScoreAdditions(count: (arguments.count - first) / 3, increments: false) { number in
                let at = first + 3 * number
                guard let longitude = Decimal.parseDouble(arguments[at]),
                    let latitude = Decimal.parseDouble(arguments[at + 1])
                else { return nil }
                let point = GeoPoint(longitude: longitude, latitude: latitude)
                return point.isOnTheMap ? (arguments[at + 2], GeoHash(point).startScore) : nil
            })
    }

    static func geoadd(_ call: inout CommandContext) {
        let arguments = call.arguments
        var options: AddOptions = []
        var first = 2
        while first < arguments.count {
            if arguments[first].equalsIgnoringCase("nx") {
                options.insert(.nx)
            } else if arguments[first].equalsIgnoringCase("xx") {
                options.insert(.xx)
            } else if arguments[first].equalsIgnoringCase("ch") {
                options.insert(.ch)
            } else {
                break
            }
            first += 1
        }
        let words = arguments.count - first
        guard words > 0, words % 3 == 0, !options.isSuperset(of: [.nx, .xx]) else {
            return call.reply.pointee.error(ErrorText.syntax)
        }
        var scores = PairScores()
        for index in stride(from: first, to: arguments.count, by: 3) {
            guard let point = call.point(index) else { return }
            scores.append(GeoHash(point).startScore)
        }
        SortedSetCommands.add(&call, options, scores, members: first + 2, stride: 3)
    }

    static func geodist(_ call: inout CommandContext) {
        var unit = 1.0
        switch call.arguments.count {
        case 4: break
        case 5:
            guard let given = call.unit(4) else { return }
            unit = given
        default: return call.reply.pointee.error(ErrorText.syntax)
        }
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.null()
        case .found(_, let value):
            guard let one = value.score(of: call.arguments[2]), let other = value.score(of: call.arguments[3]) else {
                return call.reply.pointee.null()
            }
            let metres = GeoShape.distance(GeoHash(score: one).center, GeoHash(score: other).center)
            call.reply.pointee.distance(metres / unit)
        }
    }

    static func geohash(_ call: inout CommandContext) {
        forEachMember(&call, { $0.pointee.null() }) { reply, hash in
            hash.letters.withSlice { reply.pointee.bulk($0) }
        }
    }

    static func geopos(_ call: inout CommandContext) {
        forEachMember(&call, { $0.pointee.nullArray() }) { reply, hash in reply.pointee.point(hash.center) }
    }

    /// Replies an array with an element for each member that is asked for.
    private static func forEachMember(
        _ call: inout CommandContext, _ missing: (UnsafeMutablePointer<ReplyWriter>) -> Void,
        _ found: (UnsafeMutablePointer<ReplyWriter>, GeoHash) -> Void
    ) {
        var value: SortedSetValue?
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: break
        case .found(_, let there): value = there
        }
        call.reply.pointee.array(call.arguments.count - 2)
        for index in 2..<max(2, call.arguments.count) {
            if let score = value?.score(of: call.arguments[index]) {
                found(call.reply, GeoHash(score: score))
            } else {
                missing(call.reply)
            }
        }
    }
}
