import Bytes
import Keyspace
import RESP
import Values

/// The words of a GEOSEARCH, GEORADIUS or one of their relatives.
struct GeoOptions {
    /// What tells the commands apart.
    enum Command {
        /// GEORADIUS: around a place.
        case radius(mayStore: Bool)
        /// GEORADIUSBYMEMBER.
        case radiusByMember(mayStore: Bool)
        case search
        case searchStore

        /// The argument behind those that have a fixed place.
        var firstOption: Int {
            switch self {
            case .radius: 6
            case .radiusByMember: 5
            case .search: 2
            case .searchStore: 3
            }
        }

        var mayStore: Bool {
            switch self {
            case .radius(let mayStore), .radiusByMember(let mayStore): mayStore
            case .search, .searchStore: false
            }
        }

        var isSearch: Bool {
            switch self {
            case .search, .searchStore: true
            case .radius, .radiusByMember: false
            }
        }
    }

    enum Order {
        case none, ascending, descending
    }

    let command: Command
    var withDistance = false
    var withHash = false
    var withPoint = false
    var order = Order.none
    /// 0: all.
    var count = 0
    var any = false
    /// Whether the result goes into a key; and whether with distances instead of places.
    var stores = false
    var storesDistances = false

    /// Nil if it is a member's and there is no key.
    private var center: GeoPoint?
    private var isFromMember = false
    private var isFromPoint = false
    private var extent: (extent: GeoShape.Extent, unit: Double)?
    private var isBox = false

    /// Reads the arguments. `source`: the sorted set, nil if there is none. Nil: the reply says what is wrong.
    init?(_ call: borrowing CommandContext, _ command: Command, _ source: SortedSetValue?) {
        self.command = command
        stores = if case .searchStore = command { true } else { false }
        guard readFixed(call, source) else { return nil }
        var index = command.firstOption
        while index < call.arguments.count {
            guard readOption(call, &index) ?? readStore(call, &index) ?? readSearch(call, &index, source) else {
                return nil
            }
            index += 1
        }
        if let error = conflict(call) {
            error.withSlice { call.reply.pointee.error($0) }
            return nil
        }
    }

    /// The shape; nil only without a source.
    var shape: GeoShape? {
        guard let center, let extent else { return nil }
        return GeoShape(center: center, extent: extent.extent, unit: extent.unit)
    }

    // MARK: Arguments with a place of their own

    private mutating func readFixed(_ call: borrowing CommandContext, _ source: SortedSetValue?) -> Bool {
        switch command {
        case .search, .searchStore: return true
        case .radius:
            guard let point = call.point(2), let circle = call.circle(4) else { return false }
            center = point
            extent = circle
        case .radiusByMember:
            // Without a source Redis doesn't look at them.
            guard let source else { return true }
            guard readMember(call, 2, source), let circle = call.circle(3) else { return false }
            extent = circle
        }
        return true
    }

    private mutating func readMember(_ call: borrowing CommandContext, _ index: Int, _ source: SortedSetValue) -> Bool {
        guard let score = source.score(of: call.arguments[index]) else {
            call.reply.pointee.error(ErrorText.undecodableMember)
            return false
        }
        center = GeoHash(score: score).center
        return true
    }

    // MARK: Options

    // Each of the three leaves `index` at the last argument that it has taken. False: an error has been replied. Nil:
    // the word is none of theirs.

    private mutating func readOption(_ call: borrowing CommandContext, _ index: inout Int) -> Bool? {
        let word = call.arguments[index]
        if word.equalsIgnoringCase("withdist") {
            withDistance = true
        } else if word.equalsIgnoringCase("withhash") {
            withHash = true
        } else if word.equalsIgnoringCase("withcoord") {
            withPoint = true
        } else if word.equalsIgnoringCase("any") {
            any = true
        } else if word.equalsIgnoringCase("asc") {
            order = .ascending
        } else if word.equalsIgnoringCase("desc") {
            order = .descending
        } else if word.equalsIgnoringCase("count"), index + 1 < call.arguments.count {
            guard let number = call.integer(index + 1) else { return false }
            guard number > 0 else {
                call.reply.pointee.error(ErrorText.searchCountNotPositive)
                return false
            }
            count = Int(number)
            index += 1
        } else {
            return nil
        }
        return true
    }

    private mutating func readStore(_ call: borrowing CommandContext, _ index: inout Int) -> Bool? {
        let word = call.arguments[index]
        let isDistances = word.equalsIgnoringCase("storedist")
        if case .searchStore = command, isDistances {
            storesDistances = true
            return true
        }
        guard command.mayStore, isDistances || word.equalsIgnoringCase("store"), index + 1 < call.arguments.count else {
            return nil
        }
        stores = true
        storesDistances = isDistances
        index += 1
        return true
    }

    private mutating func readSearch(
        _ call: borrowing CommandContext, _ index: inout Int, _ source: SortedSetValue?
    ) -> Bool {
        let word = call.arguments[index]
        let left = call.arguments.count - index - 1
        if !command.isSearch {
            call.reply.pointee.error(ErrorText.syntax)
            return false
        }
        if word.equalsIgnoringCase("frommember"), left >= 1, !isFromPoint {
            if let source { guard readMember(call, index + 1, source) else { return false } }
            isFromMember = true
            index += 1
        } else if word.equalsIgnoringCase("fromlonlat"), left >= 2, !isFromMember {
            guard let point = call.point(index + 1) else { return false }
            center = point
            isFromPoint = true
            index += 2
        } else if word.equalsIgnoringCase("byradius"), left >= 2, !isBox {
            guard let circle = call.circle(index + 1) else { return false }
            extent = circle
            index += 2
        } else if word.equalsIgnoringCase("bybox"), left >= 3, extent == nil || isBox {
            guard let box = call.box(index + 1) else { return false }
            extent = box
            isBox = true
            index += 3
        } else {
            call.reply.pointee.error(ErrorText.syntax)
            return false
        }
        return true
    }

    /// Why these can't stand together.
    private func conflict(_ call: borrowing CommandContext) -> [UInt8]? {
        if stores, withDistance || withHash || withPoint {
            return ByteSlice(command.isSearch ? ErrorText.searchStoreOptions : ErrorText.radiusStoreOptions).array
        }
        if command.isSearch, !isFromMember, !isFromPoint { return ErrorText.searchCenter(call.arguments[0]) }
        if command.isSearch, extent == nil { return ErrorText.searchExtent(call.arguments[0]) }
        return any && count == 0 ? ByteSlice(ErrorText.anyWithoutCount).array : nil
    }
}
